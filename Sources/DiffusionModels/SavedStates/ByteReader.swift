import TensorRuntime

/// Reads little-endian values.
///
/// It never reads beyond the end, and never allocates more than the bytes can fill.
struct ByteReader {
  private let bytes: [UInt8]
  private var position: Int

  /// - Throws: `SavedStateError` when the bytes do not begin with the header.
  init(_ bytes: [UInt8], header: [UInt8]) throws {
    guard bytes.starts(with: header) else { throw SavedStateError("unknown format") }
    self.bytes = bytes
    position = header.count
  }

  var isAtEnd: Bool { position == bytes.count }

  private mutating func take(_ size: Int) throws -> ArraySlice<UInt8> {
    guard size >= 0, size <= bytes.count - position else { throw SavedStateError("truncated") }
    defer { position += size }
    return bytes[position..<position + size]
  }

  private mutating func read<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    try take(MemoryLayout<T>.size).withUnsafeBytes { T(littleEndian: $0.loadUnaligned(as: T.self)) }
  }

  mutating func int() throws -> Int { Int(try read(Int64.self)) }

  mutating func float() throws -> Float { Float(bitPattern: try read(UInt32.self)) }

  /// A number of items that the remaining bytes can hold.
  private mutating func count(itemSize: Int) throws -> Int {
    let count = try int()
    guard count >= 0, count <= (bytes.count - position) / itemSize else {
      throw SavedStateError("an impossible count")
    }
    return count
  }

  mutating func block() throws -> [UInt8] { Array(try take(count(itemSize: 1))) }

  mutating func generator() throws -> TorchGenerator {
    let state = try block()
    do {
      return try TorchGenerator(encodedState: state)
    } catch {
      throw SavedStateError("random numbers: \(error)")
    }
  }

  /// Values by name.
  mutating func dictionary<Value>(
    _ value: (inout ByteReader) throws -> Value
  ) throws -> [String: Value] {
    var values: [String: Value] = [:]
    for _ in 0..<(try count(itemSize: 8)) {
      let name = String(decoding: try block(), as: UTF8.self)
      values[name] = try value(&self)
    }
    return values
  }

  mutating func tensors() throws -> [Tensor] {
    let count = try count(itemSize: 8)
    return try (0..<count).map { _ in try tensor() }
  }

  mutating func tensor() throws -> Tensor {
    let rank = try int()
    guard (0...8).contains(rank) else { throw SavedStateError("a tensor of rank \(rank)") }
    var shape: [Int] = []
    var elements = 1
    for _ in 0..<rank {
      let dimension = try int()
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow, product <= (bytes.count - position) / 4 + 1 else {
        throw SavedStateError("a tensor larger than the bytes")
      }
      elements = product
      shape.append(dimension)
    }
    let floats = try take(elements * 4).withUnsafeBytes { buffer in
      (0..<elements).map { index in
        Float(
          bitPattern: UInt32(
            littleEndian: buffer.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
      }
    }
    return Tensor(floats, shape: shape)
  }
}
