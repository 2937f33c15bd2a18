import DiffusionModels
import GraphRuntime
import TensorRuntime

/// What a text encoder made of a prompt, and of the empty one.
///
/// What stands for no prompt comes along because a denoiser needs it wherever guidance is on and no
/// negative prompt is given; so a stored conditioning never asks for its text encoder again.
struct ConditioningValue: PortValue {
  static let typeName = "Conditioning"

  /// The prompt's own.
  var prompt: PromptEncoding
  /// The stand-in for a missing negative prompt: the empty prompt, or SDXL's zeros.
  var empty: PromptEncoding
  /// The empty prompt where the stand-in is another thing, for methods that know no zeros.
  var encodedEmpty: PromptEncoding?
  /// The model family of the text encoder.
  var family: String?

  init(
    prompt: PromptEncoding, empty: PromptEncoding, encodedEmpty: PromptEncoding? = nil,
    family: String?
  ) {
    self.prompt = prompt
    self.empty = empty
    self.encodedEmpty = encodedEmpty
    self.family = family
  }

  /// The empty prompt's encoding.
  var emptyPrompt: PromptEncoding { encodedEmpty ?? empty }

  /// All encodings, by the names under which they are stored.
  private var parts: [(name: String, encoding: PromptEncoding)] {
    [("prompt", prompt), ("empty", empty)] + (encodedEmpty.map { [("encoded empty", $0)] } ?? [])
  }

  var byteCount: Int {
    parts.reduce(0) {
      $0 + 4 * ($1.encoding.embeddings.count + ($1.encoding.pooled?.count ?? 0))
    }
  }

  func encoded() throws -> [UInt8] {
    let tensors = parts.flatMap { name, encoding in
      [(name, encoding.embeddings)] + (encoding.pooled.map { [("\(name).pooled", $0)] } ?? [])
    }
    let name = Array((family ?? "").utf8)
    return [UInt8(name.count)] + name + StoredTensors.encode(tensors)
  }

  init(encoded bytes: [UInt8]) throws {
    guard let count = bytes.first.map({ Int($0) }), bytes.count > count else {
      throw PortValueError.damaged(Self.typeName)
    }
    let name = String(decoding: bytes[1...count], as: UTF8.self)
    let tensors = try StoredTensors.decode(Array(bytes[(count + 1)...]))
    func encoding(_ name: String) throws -> PromptEncoding? {
      guard let embeddings = tensors[name] else { return nil }
      guard embeddings.shape.count == 3 else { throw PortValueError.damaged(Self.typeName) }
      return PromptEncoding(embeddings: embeddings, pooled: tensors["\(name).pooled"])
    }
    guard let prompt = try encoding("prompt"), let empty = try encoding("empty") else {
      throw PortValueError.damaged(Self.typeName)
    }
    self.init(
      prompt: prompt, empty: empty, encodedEmpty: try encoding("encoded empty"),
      family: name.isEmpty ? nil : name)
  }
}
