import Testing

@testable import TensorRuntime

/// Every set of kernels that this processor can run, the portable ones too.
let runnableKernels = KernelSet.compiled.filter {
  $0.isa == .baseline || ISA.detected.allows($0.isa)
}

extension KernelSet: CustomTestStringConvertible {
  /// The instruction set.
  public var testDescription: String { name }
}

/// Repeatable random choices (splitmix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Repeatable values in -1..<1.
func noise(_ shape: [Int], seed: UInt64, scale: Float = 1) -> Tensor {
  var generator = TorchGenerator(seed: seed)
  let values = generator.rand(shape.reduce(1, *))
  return Tensor(values.map { ($0 * 2 - 1) * scale }, shape: shape)
}

/// The same as stored weights of a type.
func noiseWeight(_ shape: [Int], seed: UInt64, dtype: DType = .float32) -> RawTensor {
  let floats = noise(shape, seed: seed).floats()
  switch dtype {
  case .float16: return RawTensor(halves: floats.map { ElementConversion.half($0) }, dtype, shape)
  case .bfloat16:
    return RawTensor(
      halves: floats.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }, dtype, shape)
  default: return RawTensor(floats, shape: shape)
  }
}

private final class Halves: Sendable {
  let values: [UInt16]
  init(_ values: [UInt16]) { self.values = values }
}

extension RawTensor {
  fileprivate init(halves: [UInt16], _ dtype: DType, _ shape: [Int]) {
    let storage = Storage(count: (halves.count + 1) / 2)
    let bytes = UnsafeMutableRawPointer(storage.pointer)
    halves.withUnsafeBytes { source in
      if let base = source.baseAddress { bytes.copyMemory(from: base, byteCount: source.count) }
    }
    self.init(
      dtype: dtype, shape: shape,
      bytes: UnsafeRawBufferPointer(start: bytes, count: halves.count * 2),
      owner: storage)
  }
}

/// How far an array is from what it should be.
struct Deviation {
  /// The largest difference over the largest expected magnitude.
  var relative = 0.0
  /// Squared differences over squared expectations.
  var nmse = 0.0
  /// Where the largest difference is.
  var worst = 0

  init(_ actual: [Float], _ expected: [Float]) {
    precondition(actual.count == expected.count)
    var (largest, magnitude, errors, squares) = (0.0, 0.0, 0.0, 0.0)
    for (index, pair) in zip(actual, expected).enumerated() {
      let difference = abs(Double(pair.0) - Double(pair.1))
      // Written so that NaN counts as the worst.
      if !(difference <= largest) { (largest, worst) = (difference, index) }
      magnitude = max(magnitude, abs(Double(pair.1)))
      errors += difference * difference
      squares += Double(pair.1) * Double(pair.1)
    }
    relative = magnitude > 0 ? largest / magnitude : largest
    nmse = squares > 0 ? errors / squares : errors
  }
}

/// Checks both measures against bounds that a wrong index, a lost term or a lost bit of precision
/// would exceed by far.
func expectClose(
  _ actual: Tensor, _ expected: Tensor, relative: Double, _ comment: Comment? = nil,
  location: SourceLocation = #_sourceLocation
) {
  #expect(actual.shape == expected.shape, comment, sourceLocation: location)
  let deviation = Deviation(actual.floats(), expected.floats())
  let report = "\(comment?.rawValue ?? ""): \(deviation)"
  #expect(deviation.relative <= relative, Comment(rawValue: report), sourceLocation: location)
  #expect(
    deviation.nmse <= relative * relative, Comment(rawValue: report), sourceLocation: location)
}
