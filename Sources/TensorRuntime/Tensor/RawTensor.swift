/// An immutable typed array in mapped or owned memory, row-major, with no alignment promised.
///
/// This is how weights reach the runtime: a view into a mapped file costs nothing until it is read.
public struct RawTensor: Sendable {
  /// The stored element type.
  public let dtype: DType
  /// The dimensions; empty for a single number.
  public let shape: [Int]
  /// Keeps the memory alive.
  private let owner: any AnyObject & Sendable
  private let address: UnmanagedAddress

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The number of bytes stored.
  public var byteCount: Int { count * dtype.byteCount }

  /// Makes a view of memory that somebody else owns.
  ///
  /// - Parameters:
  ///   - dtype: The element type.
  ///   - shape: The dimensions.
  ///   - bytes: Exactly the elements' bytes, little-endian, at any alignment.
  ///   - owner: The object that frees the memory; kept alive as long as the view.
  public init(
    dtype: DType, shape: [Int], bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable
  ) {
    let needed = shape.reduce(dtype.byteCount, *)
    precondition(
      bytes.count == needed, "\(shape) of \(dtype) takes \(needed) bytes, got \(bytes.count)")
    self.dtype = dtype
    self.shape = shape
    self.owner = owner
    address = UnmanagedAddress(pointer: bytes.baseAddress)
  }

  /// Copies floats into a new tensor.
  ///
  /// - Parameters:
  ///   - floats: The values in row-major order.
  ///   - shape: Dimensions whose product is the number of values.
  public init(_ floats: [Float], shape: [Int]) {
    precondition(
      shape.reduce(1, *) == floats.count, "\(floats.count) values do not fill \(shape)")
    let storage = Storage(count: floats.count)
    storage.pointer.update(from: floats, count: floats.count)
    self.init(storage: storage, shape: shape)
  }

  /// Wraps pool memory without copying.
  init(storage: Storage, shape: [Int]) {
    let bytes = UnsafeRawBufferPointer(
      start: storage.pointer, count: shape.reduce(MemoryLayout<Float>.stride, *))
    self.init(dtype: .float32, shape: shape, bytes: bytes, owner: storage)
  }

  /// Gives access to the stored bytes.
  ///
  /// - Parameter body: Receives the bytes, which are valid during the call only.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(owner) {} }
    return try body(UnsafeRawBufferPointer(start: address.pointer, count: byteCount))
  }

  /// The values converted to float32.
  ///
  /// - Returns: The values in row-major order.
  public func floats() -> [Float] {
    let count = count
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress, count > 0 { copyFloats(into: base) }
      initialized = count
    }
  }

  /// Converts the values to float32, in parallel when there are many.
  ///
  /// - Parameter destination: Room for `count` floats.
  public func copyFloats(into destination: UnsafeMutablePointer<Float>) {
    let dtype = dtype
    withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      Parallel.run(count: count, grain: 1 << 17) { range in
        ElementConversion.convert(
          base + range.lowerBound * dtype.byteCount, dtype,
          into: destination + range.lowerBound, count: range.count)
      }
    }
  }

  /// The same values under other dimensions.
  ///
  /// - Parameter shape: Dimensions with the same product.
  /// - Returns: A view of the same memory.
  public func reshaped(_ shape: [Int]) -> RawTensor {
    precondition(shape.reduce(1, *) == count, "cannot reshape \(self.shape) to \(shape)")
    return withUnsafeBytes { RawTensor(dtype: dtype, shape: shape, bytes: $0, owner: owner) }
  }

  /// The values as float32 in aligned memory: the stored memory itself where it already is that.
  func alignedFloats() -> FloatView {
    if dtype == .float32, let pointer = address.pointer, Int(bitPattern: pointer) % 4 == 0 {
      return FloatView(
        pointer: pointer.assumingMemoryBound(to: Float.self), count: count, owner: owner)
    }
    let storage = Storage(count: count)
    copyFloats(into: storage.pointer)
    return FloatView(pointer: storage.pointer, count: count, owner: storage)
  }
}

/// Owns memory whose pages the system can fetch again, such as a mapped file.
public protocol PageReleasing: AnyObject, Sendable {
  /// Says that these bytes will hardly be read again; reading them stays correct.
  ///
  /// - Parameter bytes: A part of the memory.
  func releasePages(of bytes: UnsafeRawBufferPointer)
}

extension RawTensor {
  /// Lets go of the resident pages of mapped weights once they have been packed.
  func releasePages() {
    guard let owner = owner as? any PageReleasing else { return }
    withUnsafeBytes { owner.releasePages(of: $0) }
  }
}

/// An address that may be captured by sendable values because its memory never changes.
private struct UnmanagedAddress: @unchecked Sendable {
  let pointer: UnsafeRawPointer?
}

/// Floats that never change, with whatever keeps them alive.
struct FloatView: @unchecked Sendable {
  let pointer: UnsafePointer<Float>
  let count: Int
  private let owner: any AnyObject & Sendable

  init(pointer: UnsafePointer<Float>, count: Int, owner: any AnyObject & Sendable) {
    self.pointer = pointer
    self.count = count
    self.owner = owner
  }
}
