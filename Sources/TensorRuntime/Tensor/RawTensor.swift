/// An immutable typed array, row-major: a view of mapped or owned memory at any alignment, or a
/// closure that computes the values.
///
/// This is how weights reach the runtime: a view into a mapped file costs nothing until it is read,
/// and a weight merged from several is computed when it is packed, so that it is never held twice.
public struct RawTensor: Sendable {
  /// The stored element type.
  public let dtype: DType
  /// The dimensions; empty for a single number.
  public let shape: [Int]
  private let content: Content

  private enum Content: Sendable {
    /// Memory, and the object that keeps it alive.
    case stored(UnmanagedAddress, owner: any AnyObject & Sendable)
    /// A closure that writes all values. It writes the same ones at every call.
    case computed(@Sendable (UnsafeMutablePointer<Float>) -> Void)
  }

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
    content = .stored(UnmanagedAddress(pointer: bytes.baseAddress), owner: owner)
  }

  /// Makes a float32 tensor whose values are computed each time it is read, and are not kept.
  ///
  /// - Parameters:
  ///   - shape: The dimensions.
  ///   - compute: Writes all elements in row-major order; the same ones at every call.
  public init(
    shape: [Int], computedBy compute: @escaping @Sendable (UnsafeMutablePointer<Float>) -> Void
  ) {
    dtype = .float32
    self.shape = shape
    content = .computed(compute)
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

  /// Gives access to the bytes, computing them first where they are not stored.
  ///
  /// - Parameter body: Receives the bytes, which are valid during the call only.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    switch content {
    case .stored(let address, let owner):
      defer { withExtendedLifetime(owner) {} }
      return try body(UnsafeRawBufferPointer(start: address.pointer, count: byteCount))
    case .computed(let compute):
      return try Scratch.floats(count) { floats in
        compute(floats)
        return try body(UnsafeRawBufferPointer(start: floats, count: byteCount))
      }
    }
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
  /// Pages of a mapped file are released afterwards, because a caller that has the floats does not
  /// read the bytes again.
  ///
  /// - Parameter destination: Room for `count` floats.
  public func copyFloats(into destination: UnsafeMutablePointer<Float>) {
    if case .computed(let compute) = content { return compute(destination) }
    let dtype = dtype
    withBytesReadOnce { bytes in
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
    return RawTensor(dtype: dtype, shape: shape, content: content)
  }

  private init(dtype: DType, shape: [Int], content: Content) {
    self.dtype = dtype
    self.shape = shape
    self.content = content
  }

  /// The values as float32 in aligned memory.
  ///
  /// Nothing is copied where they are stored so already.
  func alignedFloats() -> FloatView {
    if dtype == .float32, case .stored(let address, let owner) = content,
      let pointer = address.pointer, Int(bitPattern: pointer) % 4 == 0
    {
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
  /// Announces that all of these bytes will be read soon.
  ///
  /// - Parameter bytes: A part of the memory.
  func fetchPages(of bytes: UnsafeRawBufferPointer)

  /// Announces that these bytes will probably not be read again. Reading them stays correct.
  ///
  /// - Parameter bytes: A part of the memory.
  func releasePages(of bytes: UnsafeRawBufferPointer)
}

extension RawTensor {
  /// Gives access to bytes that are read only once, to be converted into another form.
  ///
  /// The pages of a mapped file are fetched together before the call and released after it.
  func withBytesReadOnce<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    guard case .stored(_, let owner) = content, let pages = owner as? any PageReleasing else {
      return try withUnsafeBytes(body)
    }
    return try withUnsafeBytes { bytes in
      pages.fetchPages(of: bytes)
      defer { pages.releasePages(of: bytes) }
      return try body(bytes)
    }
  }
}

/// An address that sendable values may hold because its memory never changes.
private struct UnmanagedAddress: @unchecked Sendable {
  let pointer: UnsafeRawPointer?
}

/// Floats that never change, and the object that keeps them alive.
struct FloatView: @unchecked Sendable {
  let pointer: UnsafePointer<Float>
  let count: Int
  private let owner: any AnyObject & Sendable

  init(pointer: UnsafePointer<Float>, count: Int, owner: any AnyObject & Sendable) {
    self.pointer = pointer
    self.count = count
    self.owner = owner
  }

  /// A contiguous tensor's elements.
  init(_ tensor: Tensor) {
    precondition(tensor.layout == .contiguous, "the elements of \(tensor) are not in order")
    self.init(pointer: tensor.base, count: tensor.count, owner: tensor.storage)
  }
}
