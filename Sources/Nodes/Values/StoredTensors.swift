import ResgraphWeights
import TensorRuntime

/// Tensors as the bytes of a safetensors file, for storing values and writing outputs.
enum StoredTensors {
  /// The bytes of a file that holds the tensors as float32.
  static func encode(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]
  ) -> [UInt8] {
    let raw = tensors.map { ($0.name, RawTensor($0.tensor.floats(), shape: $0.tensor.shape)) }
    return SafetensorsWriter.encode(
      Dictionary(raw, uniquingKeysWith: { $1 }), metadata: metadata)
  }

  /// The tensors of a file in memory, by name.
  static func decode(_ bytes: [UInt8]) throws -> [String: Tensor] {
    try decodeAll(bytes).tensors
  }

  /// The tensors of a file in memory, and the texts beside them.
  static func decodeAll(
    _ bytes: [UInt8]
  ) throws -> (tensors: [String: Tensor], metadata: [String: String]) {
    let file = try SafetensorsFile(bytes: bytes, name: "stored value")
    let tensors = try file.keys.map { ($0, Tensor(try file.tensor($0))) }
    return (Dictionary(tensors, uniquingKeysWith: { $1 }), file.metadata)
  }
}
