import GraphRuntime
import TensorRuntime

/// What a text encoder made of a prompt, and of the empty one.
///
/// The empty prompt's encoding comes along because a denoiser needs it wherever guidance is on and
/// no negative prompt is given; so a stored conditioning never asks for its text encoder again.
struct ConditioningValue: PortValue {
  static let typeName = "Conditioning"
  static let isStorable = true

  /// One prompt's encoding.
  struct Encoding: Sendable {
    /// [B, L, D].
    var embeddings: Tensor
    /// [B, P], for models that want one.
    var pooled: Tensor?
  }

  /// The prompt's own.
  var prompt: Encoding
  /// The stand-in for a missing negative prompt.
  var empty: Encoding
  /// The model family of the text encoder.
  var family: String?

  init(prompt: Encoding, empty: Encoding, family: String?) {
    self.prompt = prompt
    self.empty = empty
    self.family = family
  }

  var byteCount: Int {
    [prompt, empty].reduce(0) { $0 + 4 * ($1.embeddings.count + ($1.pooled?.count ?? 0)) }
  }

  func encoded() throws -> [UInt8] {
    var tensors = [("prompt", prompt.embeddings), ("empty", empty.embeddings)]
    if let pooled = prompt.pooled { tensors.append(("prompt.pooled", pooled)) }
    if let pooled = empty.pooled { tensors.append(("empty.pooled", pooled)) }
    let name = Array((family ?? "").utf8)
    return [UInt8(name.count)] + name + StoredTensors.encode(tensors)
  }

  init(encoded bytes: [UInt8]) throws {
    guard let count = bytes.first.map({ Int($0) }), bytes.count > count else {
      throw PortValueError.damaged(Self.typeName)
    }
    let name = String(decoding: bytes[1...count], as: UTF8.self)
    let tensors = try StoredTensors.decode(Array(bytes[(count + 1)...]))
    guard let prompt = tensors["prompt"], let empty = tensors["empty"], prompt.shape.count == 3,
      empty.shape.count == 3
    else { throw PortValueError.damaged(Self.typeName) }
    self.prompt = Encoding(embeddings: prompt, pooled: tensors["prompt.pooled"])
    self.empty = Encoding(embeddings: empty, pooled: tensors["empty.pooled"])
    family = name.isEmpty ? nil : name
  }
}
