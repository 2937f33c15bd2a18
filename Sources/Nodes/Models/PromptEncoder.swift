import DiffusionModels
import ResgraphWeights
import Synchronization
import TensorRuntime

/// The tokenizers and text encoders of a checkpoint: one of each, or two of each for SDXL.
final class PromptEncoder: Sendable {
  let parts: [(tokenizer: CLIPTokenizer, model: CLIPTextModel)]
  private let layout: CheckpointLayout
  private let emptyEncoding = Mutex<ConditioningValue.Encoding?>(nil)

  init(_ recipe: TextEncoderRecipe) throws {
    layout = recipe.base.layout
    parts = try recipe.components.map { component in
      (
        try recipe.tokenizer(component),
        try CLIPTextModel(
          WeightScope(try recipe.source(component)), config: try recipe.config(component))
      )
    }
  }

  /// Encodes a prompt: the first text for the first encoder, the second for SDXL's second one.
  func encode(
    _ prompt: String, second: String, clipSkip: Int
  ) throws
    -> ConditioningValue.Encoding
  {
    let texts = [prompt, second]
    let outputs = try zip(parts, texts).map { part, text in
      try part.model(ids: [part.tokenizer.encode(text)], clipSkip: clipSkip)
    }
    guard let last = outputs.last else { preconditionFailure("a prompt encoder has a model") }
    if layout.family == .sdxl {
      let states = Tensor.concatenate(outputs.map(\.penultimateState), axis: 2)
      return .init(embeddings: states, pooled: last.pooled)
    }
    return .init(embeddings: last.lastHiddenState, pooled: nil)
  }

  /// The encoding of nothing.
  ///
  /// It leaves no layer out, whatever the prompt does, as in diffusers.
  func empty() throws -> ConditioningValue.Encoding {
    if let known = emptyEncoding.withLock({ $0 }) { return known }
    let encoding = try encode("", second: "", clipSkip: 0)
    emptyEncoding.withLock { $0 = encoding }
    return encoding
  }

  /// What stands in for a missing negative prompt where that is not the encoding of nothing.
  var missing: ConditioningValue.Encoding? { layout.zeroesMissingPrompt ? zeros : nil }

  /// Zeros in the form of an encoding of two encoders.
  private var zeros: ConditioningValue.Encoding {
    let configs = parts.map(\.model.config)
    let length = parts.map(\.tokenizer.maximumLength).max() ?? 0
    return .init(
      embeddings: Tensor.zeros([1, length, configs.reduce(0) { $0 + $1.hiddenSize }]),
      pooled: Tensor.zeros([1, configs.last?.projectionSize ?? 0]))
  }

  /// The part of a text that is beyond what the first encoder reads; nil when it reads all.
  func unread(_ text: String) -> String? {
    guard let tokenizer = parts.first?.tokenizer else { return nil }
    let room = max(0, tokenizer.maximumLength - 2)
    let pieces = tokenizer.pieces(text)
    guard pieces.count > room else { return nil }
    let rest = pieces[room...].map { $0.token.hasSuffix("</w>") ? $0.text + " " : $0.text }
    return rest.joined().trimmingSuffix { $0 == " " }
  }
}

extension String {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    guard let end = lastIndex(where: { !isTrimmed($0) }) else { return "" }
    return String(self[...end])
  }
}

extension TextEncoderRecipe {
  /// The encoders of the family, in order.
  var components: [Component] {
    base.layout.family == .sdxl ? [.textEncoder, .textEncoder2] : [.textEncoder]
  }

  /// The configuration of an encoder.
  func config(_ component: Component) throws -> CLIPTextConfig {
    try base.config(component) { try CLIPTextConfig(json: $0) }
  }

  /// Checks by headers that an encoder and its tokenizer fit each other.
  func check(_ component: Component) throws {
    let config = try config(component)
    let folder = base.layout.tokenizerFolder(component)
    let header = try folder.map { try TokenizerHeader(folder: $0) } ?? .builtIn
    func fault(_ reason: String) -> ConfigurationFault {
      ConfigurationFault(file: base.configFile(component), reason: reason)
    }
    guard header.maximumLength <= config.maximumLength else {
      throw fault(
        "'max_position_embeddings': \(config.maximumLength) is less than the tokenizer's sequences "
          + "of \(header.maximumLength)")
    }
    guard folder != nil || config.vocabularySize >= CLIPTokenizer.builtInCount else {
      throw fault(
        "'vocab_size': \(config.vocabularySize) is less than the \(CLIPTokenizer.builtInCount) of "
          + "CLIP's own tokenizer, and the checkpoint has none")
    }
  }

  /// The checkpoint's own tokenizer, or CLIP's for checkpoints that carry none.
  func tokenizer(_ component: Component) throws -> CLIPTokenizer {
    if let folder = base.layout.tokenizerFolder(component) {
      return try CLIPTokenizer(folder: folder)
    }
    let padsWithZero = component == .textEncoder2 || base.layout.family == .sd2
    return padsWithZero ? .builtIn(padToken: "!") : .builtIn()
  }
}

extension ModelStore {
  /// The prompt encoder of a recipe.
  func promptEncoder(_ recipe: TextEncoderRecipe) throws -> PromptEncoder {
    let sources = try recipe.components.map { try recipe.source($0) }
    return try model(
      identity: recipe.identity,
      byteCount: { sources.reduce(0) { $0 + $1.packedByteCount } },
      load: { try PromptEncoder(recipe) })
  }
}
