import ResgraphFiles
public import TensorRuntime

/// Writes safetensors files, with a canonical header.
public enum SafetensorsWriter {
  /// Writes named tensors to a file.
  ///
  /// The bytes depend only on the tensors and the metadata. Tensors are ordered by falling element
  /// size and then by name, as the reference library orders them; the header is padded to 8 bytes.
  ///
  /// - Parameters:
  ///   - tensors: The tensors by name.
  ///   - metadata: Texts for `__metadata__`.
  ///   - path: The file to write or replace.
  ///   - dtype: The type to which floating-point tensors are converted, `float32` or `float16`; nil
  ///     to keep each tensor's type.
  /// - Throws: `FileError`; nothing is left behind then.
  public static func write(
    _ tensors: [String: RawTensor], metadata: [String: String] = [:], to path: String,
    as dtype: DType? = nil
  ) throws {
    let converted = tensors.mapValues { convert($0, to: dtype) }
    let order = sorted(converted)
    let header = header(order, metadata: metadata)
    try AtomicFile.write(to: path) { file in
      try file.write(header)
      for (_, tensor) in order { try tensor.withUnsafeBytes { try file.write($0) } }
    }
  }

  /// Makes the bytes of a file in memory, for storage elsewhere.
  ///
  /// - Parameters:
  ///   - tensors: The tensors by name.
  ///   - metadata: Texts for `__metadata__`.
  /// - Returns: A whole safetensors file.
  public static func encode(
    _ tensors: [String: RawTensor], metadata: [String: String] = [:]
  ) -> [UInt8] {
    let order = sorted(tensors)
    var bytes = header(order, metadata: metadata)
    for (_, tensor) in order { tensor.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    return bytes
  }

  private static func sorted(_ tensors: [String: RawTensor]) -> [(key: String, value: RawTensor)] {
    tensors.sorted {
      let sizes = ($0.value.dtype.byteCount, $1.value.dtype.byteCount)
      return sizes.0 == sizes.1 ? $0.key < $1.key : sizes.0 > sizes.1
    }
  }

  private static func header(
    _ order: [(key: String, value: RawTensor)], metadata: [String: String]
  ) -> [UInt8] {
    var members: [String: JSONValue] = [:]
    if !metadata.isEmpty { members["__metadata__"] = .object(metadata.mapValues { .string($0) }) }
    var end = 0
    for (name, tensor) in order {
      let begin = end
      end += tensor.byteCount
      members[name] = [
        "dtype": .string(SafetensorsHeader.name(of: tensor.dtype)),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(begin), .integer(end)],
      ]
    }
    var text = Array(JSONValue.object(members).canonicalText().utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    var count = UInt64(text.count).littleEndian
    return withUnsafeBytes(of: &count) { Array($0) } + text
  }

  private static func convert(_ tensor: RawTensor, to dtype: DType?) -> RawTensor {
    guard let dtype, dtype != tensor.dtype, isFloating(tensor.dtype) else { return tensor }
    switch dtype {
    case .float32: return RawTensor(tensor.floats(), shape: tensor.shape)
    case .float16:
      let halves = tensor.floats().map { Float16($0) }
      return RawTensor.owned(dtype: .float16, shape: tensor.shape, elements: halves)
    default: preconditionFailure("safetensors are written as float32 or float16, not \(dtype)")
    }
  }

  private static func isFloating(_ dtype: DType) -> Bool {
    [.float64, .float32, .float16, .bfloat16].contains(dtype)
  }
}
