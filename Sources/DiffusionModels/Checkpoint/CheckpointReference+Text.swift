import ResgraphWeights

extension CheckpointReference {
  /// The text encoders of the family, in order.
  package var textEncoders: [Component] {
    layout.family == .sdxl ? [.textEncoder, .textEncoder2] : [.textEncoder]
  }

  /// The configuration of a text encoder.
  package func textConfig(_ component: Component) throws -> CLIPTextConfig {
    try config(component) { try CLIPTextConfig(json: $0) }
  }

  /// The checkpoint's own tokenizer, or CLIP's for checkpoints that carry none.
  package func tokenizer(_ component: Component) throws -> CLIPTokenizer {
    if let folder = layout.tokenizerFolder(component) { return try CLIPTokenizer(folder: folder) }
    let padsWithZero = component == .textEncoder2 || layout.family == .sd2
    return padsWithZero ? .builtIn(padToken: "!") : .builtIn()
  }

  /// Checks by headers that an encoder and its tokenizer fit each other.
  package func checkText(_ component: Component) throws {
    let config = try textConfig(component)
    let folder = layout.tokenizerFolder(component)
    let header = try folder.map { try TokenizerHeader(folder: $0) } ?? .builtIn
    func fault(_ reason: String) -> ConfigurationFault {
      ConfigurationFault(file: configFile(component), reason: reason)
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
}
