import TensorRuntime

/// Appends little-endian values.
struct ByteWriter {
  private(set) var bytes: [UInt8]

  /// Begins with the bytes by which a reader knows the format.
  init(header: [UInt8]) { bytes = header }

  mutating func write(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func write(_ value: Int) { write(Int64(value)) }

  mutating func write(_ value: Float) { write(value.bitPattern) }

  /// Writes rank, dimensions and elements.
  mutating func write(_ tensor: Tensor) {
    write(tensor.shape.count)
    for dimension in tensor.shape { write(dimension) }
    bytes.reserveCapacity(bytes.count + tensor.byteCount)
    for value in tensor.floats() { write(value) }
  }

  /// Writes the length and the bytes.
  mutating func write(_ block: [UInt8]) {
    write(block.count)
    bytes.append(contentsOf: block)
  }

  /// Writes the number of values and, in the order of their names, each name with what `value`
  /// writes.
  mutating func write<Value>(
    _ values: [String: Value], _ value: (inout ByteWriter, Value) -> Void
  ) {
    write(values.count)
    for (name, item) in values.sorted(by: { $0.key < $1.key }) {
      write(Array(name.utf8))
      value(&self, item)
    }
  }
}
