import TensorRuntime

/// The part of a sampler that changes from step to step.
///
/// A sampler made with the same configuration and step count continues from it bit for bit.
public struct SamplerState: Sendable {
  var cursor = StepCursor()
  var counters: [Int] = []
  var scalars: [Float] = []
  /// nil where a sampler keeps a place for a tensor that it does not hold at the moment.
  var tensors: [Tensor?] = []

  init(
    cursor: StepCursor = StepCursor(), counters: [Int] = [], scalars: [Float] = [],
    tensors: [Tensor?] = []
  ) {
    self.cursor = cursor
    self.counters = counters
    self.scalars = scalars
    self.tensors = tensors
  }
}

extension SamplerState {
  /// Refuses a state with other numbers of parts.
  func expect(counters: Int = 0, scalars: Int = 0, tensors: Int = 0) throws {
    guard self.counters.count == counters, self.scalars.count == scalars,
      self.tensors.count == tensors
    else { throw SamplerError.badState("it belongs to another sampler") }
  }

  /// The cursor, if it lies inside a schedule of `count` entries.
  func cursor(within count: Int) throws -> StepCursor {
    guard (cursor.index ?? 0) <= count, (cursor.begin ?? 0) < max(count, 1) else {
      throw SamplerError.badState("it belongs to a longer schedule")
    }
    return cursor
  }

  private static let header: [UInt8] = Array("RGSS".utf8) + [1]

  /// The state as bytes, little-endian.
  public var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.bytes = Self.header
    for value in [cursor.index ?? -1, cursor.begin ?? -1] { writer.write(Int64(value)) }
    writer.write(Int64(counters.count))
    for value in counters { writer.write(Int64(value)) }
    writer.write(Int64(scalars.count))
    for value in scalars { writer.write(value.bitPattern) }
    writer.write(Int64(tensors.count))
    for tensor in tensors { writer.write(tensor) }
    return writer.bytes
  }

  /// Reads a state.
  ///
  /// - Parameter bytes: What `encoded` gave.
  /// - Throws: `SamplerError.badState` when the bytes are something else.
  public init(encoded bytes: [UInt8]) throws {
    guard bytes.starts(with: Self.header) else { throw SamplerError.badState("unknown format") }
    var reader = ByteReader(bytes, position: Self.header.count)
    let (index, begin) = (try reader.int(), try reader.int())
    cursor = StepCursor(index: index < 0 ? nil : index, begin: begin < 0 ? nil : begin)
    counters = try (0..<reader.count(itemSize: 8)).map { _ in try reader.int() }
    scalars = try (0..<reader.count(itemSize: 4)).map { _ in
      Float(bitPattern: try reader.read(UInt32.self))
    }
    tensors = try (0..<reader.count(itemSize: 8)).map { _ in try reader.tensor() }
    guard reader.isAtEnd else { throw SamplerError.badState("trailing bytes") }
  }
}

/// Appends little-endian values.
struct ByteWriter {
  var bytes: [UInt8] = []

  mutating func write(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Writes rank, dimensions and elements; a rank of -1 stands for no tensor.
  mutating func write(_ tensor: Tensor?) {
    guard let tensor else {
      write(Int64(-1))
      return
    }
    write(Int64(tensor.shape.count))
    for dimension in tensor.shape { write(Int64(dimension)) }
    bytes.reserveCapacity(bytes.count + tensor.byteCount)
    for value in tensor.floats() { write(value.bitPattern) }
  }

  mutating func write(_ block: [UInt8]) {
    write(Int64(block.count))
    bytes.append(contentsOf: block)
  }
}

/// Reads little-endian values, never beyond the end and never allocating more than the bytes hold.
struct ByteReader {
  private let bytes: [UInt8]
  private var position: Int

  init(_ bytes: [UInt8], position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  var isAtEnd: Bool { position == bytes.count }

  private mutating func take(_ size: Int) throws -> ArraySlice<UInt8> {
    guard size >= 0, size <= bytes.count - position else {
      throw SamplerError.badState("truncated")
    }
    defer { position += size }
    return bytes[position..<position + size]
  }

  mutating func read<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    try take(MemoryLayout<T>.size).withUnsafeBytes { T(littleEndian: $0.loadUnaligned(as: T.self)) }
  }

  mutating func int() throws -> Int { Int(try read(Int64.self)) }

  /// A number of items that the remaining bytes can hold.
  mutating func count(itemSize: Int) throws -> Int {
    let count = try int()
    guard count >= 0, count <= (bytes.count - position) / itemSize else {
      throw SamplerError.badState("an impossible count")
    }
    return count
  }

  mutating func block() throws -> [UInt8] { Array(try take(count(itemSize: 1))) }

  mutating func tensor() throws -> Tensor? {
    let rank = try int()
    if rank == -1 { return nil }
    guard (0...8).contains(rank) else { throw SamplerError.badState("a tensor of rank \(rank)") }
    var shape: [Int] = []
    var elements = 1
    for _ in 0..<rank {
      let dimension = try int()
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow, product <= (bytes.count - position) / 4 + 1 else {
        throw SamplerError.badState("a tensor larger than the bytes")
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
