import CKernels

/// Conversions between stored element types and float32 that need no aligned memory.
///
/// The C kernels widen values. Widening is exact, so all instruction sets give the same values.
enum ElementConversion {
  /// Rounds to half precision, to nearest even, with overflow to infinity.
  @inline(__always)
  static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: (bits &>> 16) & 0x8000)
    let magnitude = bits & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    if magnitude >= 0x4780_0000 { return sign | 0x7c00 }
    if magnitude < 0x3880_0000 {
      // Adding 0.5 aligns the mantissa so that the processor rounds at the subnormal's last bit.
      let aligned = Float(bitPattern: magnitude) + 0.5
      return sign | UInt16(truncatingIfNeeded: aligned.bitPattern &- 0x3f00_0000)
    }
    let odd = (magnitude &>> 13) & 1
    let rounded = magnitude &- 0x3800_0000 &+ 0xfff &+ odd
    return sign | UInt16(truncatingIfNeeded: rounded &>> 13)
  }

  /// Rounds to bfloat16, to nearest even.
  @inline(__always)
  static func bfloat(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if bits & 0x7fff_ffff > 0x7f80_0000 {
      return UInt16(truncatingIfNeeded: bits &>> 16) | 0x40
    }
    let odd = (bits &>> 16) & 1
    return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ odd) &>> 16)
  }

  /// Converts a run of stored elements.
  ///
  /// - Parameters:
  ///   - source: The first element's address; any alignment.
  ///   - dtype: The stored type.
  ///   - destination: Room for `count` floats.
  ///   - count: The number of elements.
  static func convert(
    _ source: UnsafeRawPointer, _ dtype: DType, into destination: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    switch dtype {
    case .float32:
      UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
    case .float16: KernelSet.best.table.pointee.widen(source, CK_FLOAT16, destination, count)
    case .bfloat16: KernelSet.best.table.pointee.widen(source, CK_BFLOAT16, destination, count)
    case .float64: each(source, Double.self, destination, count) { Float($0) }
    case .int64: each(source, Int64.self, destination, count) { Float($0) }
    case .int32: each(source, Int32.self, destination, count) { Float($0) }
    case .int16: each(source, Int16.self, destination, count) { Float($0) }
    case .int8: each(source, Int8.self, destination, count) { Float($0) }
    case .uint8: each(source, UInt8.self, destination, count) { Float($0) }
    case .bool: each(source, UInt8.self, destination, count) { $0 == 0 ? 0 : 1 }
    }
  }

  @inline(__always)
  private static func each<Element: BitwiseCopyable>(
    _ source: UnsafeRawPointer, _: Element.Type, _ destination: UnsafeMutablePointer<Float>,
    _ count: Int, _ widen: (Element) -> Float
  ) {
    var address = source
    for index in 0..<count {
      destination[index] = widen(address.loadUnaligned(as: Element.self))
      address += MemoryLayout<Element>.stride
    }
  }
}
