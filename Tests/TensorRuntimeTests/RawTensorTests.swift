import CKernels
import Synchronization
import Testing

@testable import TensorRuntime

/// Bytes that keep themselves alive, starting at a chosen distance from alignment.
final class ByteOwner: Sendable {
  let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }
}

/// Encodes values as a stored tensor at an odd address.
func stored(_ values: [Float], shape: [Int], _ dtype: DType) -> RawTensor {
  var bytes: [UInt8] = []
  func append<T>(_ value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
  for value in values {
    switch dtype {
    case .float64: append(Double(value))
    case .float32: append(value)
    case .float16: append(ElementConversion.half(value))
    case .bfloat16: append(ElementConversion.bfloat(value))
    case .int64: append(Int64(value))
    case .int32: append(Int32(value))
    case .int16: append(Int16(value))
    case .int8: append(Int8(value))
    case .uint8: append(UInt8(value))
    case .bool: append(UInt8(value))
    }
  }
  let memory = UnalignedBytes(bytes)
  return RawTensor(dtype: dtype, shape: shape, bytes: memory.view, owner: memory)
}

/// Memory whose first byte is at an odd address.
final class UnalignedBytes: @unchecked Sendable {
  private let memory: UnsafeMutableRawBufferPointer
  let view: UnsafeRawBufferPointer

  init(_ bytes: [UInt8]) {
    memory = .allocate(byteCount: bytes.count + 1, alignment: 64)
    let part = UnsafeMutableRawBufferPointer(rebasing: memory[1...])
    part.copyBytes(from: bytes)
    view = UnsafeRawBufferPointer(part)
  }

  deinit { memory.deallocate() }
}

@Suite struct RawTensorTests {
  @Test(arguments: DType.allCases)
  func unalignedValuesOfAnyTypeAreRead(_ dtype: DType) {
    let values: [Float] = dtype == .bool ? [0, 1, 1, 0, 1, 1] : [0, 1, 2, 3, 100, 64]
    let raw = stored(values, shape: [2, 3], dtype)
    #expect(raw.count == 6 && raw.byteCount == 6 * dtype.byteCount)
    #expect(raw.floats() == values)
    #expect(Tensor(raw.reshaped([3, 2])).floats() == values)
    let view = raw.alignedFloats()
    #expect((0..<6).map { view.pointer[$0] } == values)
  }

  @Test func scalarsAndEmptyTensors() {
    #expect(stored([7], shape: [], .float16).floats() == [7])
    let empty = stored([], shape: [0, 5], .float32)
    #expect(empty.floats() == [] && Tensor(empty).shape == [0, 5])
  }

  @Test func alignedFloatsAreNotCopied() {
    let raw = RawTensor([1, 2, 3], shape: [3])
    let address = raw.withUnsafeBytes { UnsafeRawPointer($0.baseAddress) }
    #expect(address == UnsafeRawPointer(raw.alignedFloats().pointer))
  }

  private static var kernelSets: [KernelSet] {
    runnableKernels
  }

  private func widened(_ bits: [UInt16], _ type: ck_weight_type, _ kernels: KernelSet) -> [Float] {
    [Float](unsafeUninitializedCapacity: bits.count) { buffer, count in
      if let base = buffer.baseAddress {
        bits.withUnsafeBytes { source in
          if let source = source.baseAddress {
            kernels.table.pointee.widen(source, type, base, bits.count)
          }
        }
      }
      count = bits.count
    }
  }

  /// All 65,536 patterns, against the definition of the format.
  @Test(arguments: kernelSets.map(\.name)) func everyHalfIsExact(name: String) throws {
    let kernels = try #require(Self.kernelSets.first { $0.name == name })
    let all = Array(UInt16.min...UInt16.max)
    for (bits, found) in zip(all, widened(all, CK_FLOAT16, kernels)) {
      let exponent = Int(bits >> 10) & 31
      let fraction = Float(bits & 0x3ff)
      let sign: Float = bits >> 15 == 0 ? 1 : -1
      switch exponent {
      case 31 where fraction != 0: #expect(found.isNaN)
      case 31: #expect(found == sign * .infinity)
      case 0:
        let magnitude = fraction * 0x1p-24
        #expect(found == sign * magnitude && found.sign == sign.sign)
      default:
        let scale = Float(sign: .plus, exponent: exponent - 15, significand: 1)
        let magnitude = (1 + fraction / 1024) * scale
        #expect(found == sign * magnitude)
      }
      if !found.isNaN { #expect(ElementConversion.half(found) == bits) }
    }
  }

  @Test func narrowingRoundsToNearestEven() {
    #expect(ElementConversion.half(2049) == ElementConversion.half(2048))
    #expect(ElementConversion.half(2051) == ElementConversion.half(2052))
    #expect(ElementConversion.half(65_519) == 0x7bff && ElementConversion.half(65_520) == 0x7c00)
    #expect(ElementConversion.half(0x1p-25) == 0 && ElementConversion.half(0x1.8p-25) == 1)
    #expect(ElementConversion.half(0x1.8p-24) == 2)
    #expect(ElementConversion.half(1e10) == 0x7c00 && ElementConversion.half(-1e10) == 0xfc00)
    #expect(ElementConversion.half(.nan) & 0x7fff > 0x7c00)
    #expect(ElementConversion.bfloat(257) == ElementConversion.bfloat(256))
    #expect(ElementConversion.bfloat(259) == ElementConversion.bfloat(260))
    #expect(ElementConversion.bfloat(.infinity) == 0x7f80)
    #expect(ElementConversion.bfloat(Float.greatestFiniteMagnitude) == 0x7f80)
    for kernels in Self.kernelSets {
      let bits = [ElementConversion.bfloat(.nan), ElementConversion.bfloat(-1.5)]
      let found = widened(bits, CK_BFLOAT16, kernels)
      #expect(found[0].isNaN && found[1] == -1.5)
    }
  }

  @Test func computedTensorsAreComputedWhenRead() {
    let reads = Atomic<Int>(0)
    let raw = RawTensor(shape: [2, 3]) { output in
      reads.add(1, ordering: .relaxed)
      for index in 0..<6 { output[index] = Float(index) }
    }
    #expect(reads.load(ordering: .relaxed) == 0)
    #expect(raw.dtype == .float32 && raw.byteCount == 24)
    #expect(raw.floats() == [0, 1, 2, 3, 4, 5])
    #expect(
      raw.reshaped([3, 2]).withUnsafeBytes { $0.load(fromByteOffset: 20, as: Float.self) } == 5)
    #expect(Tensor(raw).shape == [2, 3] && raw.alignedFloats().pointer[4] == 4)
    #expect(reads.load(ordering: .relaxed) == 4)
  }

  @Test func layersComputeTheirWeightsOnce() {
    let reads = Atomic<Int>(0)
    let values = (0..<48 * 40).map { Float($0 % 31) / 16 - 1 }
    let computed = RawTensor(shape: [48, 40]) { output in
      reads.add(1, ordering: .relaxed)
      output.update(from: values, count: values.count)
    }
    let layer = Linear(weight: computed, bias: nil)
    let x = Tensor((0..<5 * 40).map { Float($0 % 7) - 3 }, shape: [5, 40])
    let stored = Linear(weight: RawTensor(values, shape: [48, 40]), bias: nil)
    #expect(layer(x).floats() == stored(x).floats())
    _ = layer(x)
    #expect(reads.load(ordering: .relaxed) == 1)
  }

  @Test func longConversionsAreWhole() {
    let count = 300_001
    let values = (0..<count).map { Float($0 % 2048) }
    #expect(stored(values, shape: [count], .float16).floats() == values)
  }
}
