import DiffusionModels
import GraphRuntime
import TensorRuntime

/// The encodings of a prompt and of the empty prompt.
///
/// A denoiser needs the encoding for a missing negative prompt when guidance is on and none is
/// given. It is part of the value, so that a stored conditioning does not need its text encoder
/// again.
struct ConditioningValue: PortValue {
  static let typeName = "Conditioning"

  /// The prompt's own.
  var prompt: PromptEncoding
  /// The encoding for a missing negative prompt: that of the empty prompt, or zeros for SDXL.
  var empty: PromptEncoding
  /// The encoding of the empty prompt, where `empty` is not that; for methods that do not use
  /// zeros.
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
    return StoredTensors.encode(tensors, metadata: family.map { ["family": $0] } ?? [:])
  }

  init(encoded bytes: [UInt8]) throws {
    let (tensors, metadata) = try StoredTensors.decodeAll(bytes)
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
      family: metadata["family"])
  }
}
