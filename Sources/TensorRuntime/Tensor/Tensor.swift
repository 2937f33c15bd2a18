/// A float32 array with value semantics, immutable once made.
///
/// `shape` is always the logical shape: a feature map is [B, C, H, W] whatever its layout.
public struct Tensor: Sendable {
  /// The logical dimensions; empty for a single number.
  public let shape: [Int]
  /// The order of elements in memory.
  public let layout: Layout
  /// The memory, possibly shared with other tensors.
  let storage: Storage
  /// Where this tensor's elements begin in the storage; a multiple of 16.
  let offset: Int
  /// How this tensor was computed, where a gradient is wanted; nil at inference.
  var gradient: GradientEdge?

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The number of dimensions.
  public var rank: Int { shape.count }

  /// The size of the elements in bytes.
  public var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// Copies floats into a new tensor.
  ///
  /// - Parameters:
  ///   - floats: The values, row-major in the order of the shape.
  ///   - shape: Dimensions whose product is the number of values.
  public init(_ floats: [Float], shape: [Int]) {
    precondition(
      shape.reduce(1, *) == floats.count, "\(floats.count) values do not fill \(shape)")
    self.init(shape: shape) { $0.update(from: floats, count: floats.count) }
  }

  /// Converts stored values to a new tensor.
  ///
  /// - Parameter raw: Values of any type.
  public init(_ raw: RawTensor) {
    self.init(shape: raw.shape) { raw.copyFloats(into: $0) }
  }

  /// Makes a tensor whose elements are written by a closure.
  ///
  /// - Parameters:
  ///   - shape: The logical dimensions.
  ///   - layout: The order in which the closure writes.
  ///   - initialize: Receives uninitialised memory for all elements, aligned to 64 bytes, and
  ///     must write every one.
  /// - Throws: What `initialize` throws.
  public init(
    shape: [Int], layout: Layout = .contiguous,
    initializingWith initialize: (UnsafeMutablePointer<Float>) throws -> Void
  ) rethrows {
    precondition(shape.allSatisfy { $0 >= 0 }, "negative dimension in \(shape)")
    let storage = Storage(count: shape.reduce(1, *))
    try initialize(storage.pointer)
    self.init(shape: shape, layout: layout, storage: storage, offset: 0)
  }

  /// Views existing memory.
  init(shape: [Int], layout: Layout, storage: Storage, offset: Int) {
    precondition(
      layout == .contiguous || shape.count == 4, "only feature maps are channels-last, not \(shape)"
    )
    self.shape = shape
    self.layout = layout
    self.storage = storage
    self.offset = offset
  }

  /// A tensor of zeros.
  ///
  /// - Parameter shape: The dimensions.
  /// - Returns: The tensor.
  public static func zeros(_ shape: [Int]) -> Tensor { full(shape, 0) }

  /// A tensor of one repeated value.
  ///
  /// - Parameters:
  ///   - shape: The dimensions.
  ///   - value: The value of every element.
  /// - Returns: The tensor.
  public static func full(_ shape: [Int], _ value: Float) -> Tensor {
    Tensor(shape: shape) { $0.update(repeating: value, count: shape.reduce(1, *)) }
  }

  /// The values in logical row-major order, whatever the layout.
  ///
  /// - Returns: A new array.
  public func floats() -> [Float] {
    contiguous().withUnsafeFloats { [Float]($0) }
  }

  /// Gives read access to the elements in the order of the layout.
  ///
  /// - Parameter body: Receives the elements, which are valid during the call only.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withUnsafeFloats<R>(
    _ body: (UnsafeBufferPointer<Float>) throws -> R
  ) rethrows -> R {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeBufferPointer(start: base, count: count))
  }

  /// The first element; valid while the tensor is held.
  var base: UnsafePointer<Float> { UnsafePointer(storage.pointer + offset) }
}

extension Tensor: CustomStringConvertible {
  /// The shape and, for feature maps, the layout; never the values.
  public var description: String {
    layout == .channelsLast ? "Tensor\(shape) channels-last" : "Tensor\(shape)"
  }
}

/// Keeps tensors alive while kernels use their addresses.
@inline(__always)
func withTensors<R>(_ tensors: Tensor?..., body: () throws -> R) rethrows -> R {
  defer { withExtendedLifetime(tensors) {} }
  return try body()
}
