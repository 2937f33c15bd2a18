import TestSupport
import Testing

@testable import TensorRuntime

/// Every set of kernels that this processor can run, the portable ones too.
let runnableKernels = KernelSet.compiled.filter { $0.isa <= .detected }

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

/// Random numbers in the form of weights stored in a type.
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
