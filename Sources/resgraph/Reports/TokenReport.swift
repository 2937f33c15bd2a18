import DiffusionModels
import Resgraph

/// The report of `resgraph tokens` about the tokens of a prompt.
struct TokenReport: Sendable {
  /// A token.
  struct Token: Sendable, Encodable {
    /// Its number in the vocabulary.
    let id: Int
    /// The text that it stands for.
    let text: String
  }

  /// The tokens, without start and end.
  let tokens: [Token]
  /// How many tokens the text encoder reads.
  let room: Int

  /// Cuts a text.
  ///
  /// - Parameters:
  ///   - text: A prompt.
  ///   - model: A checkpoint or a tokenizer's folder; nil for CLIP's own vocabulary.
  /// - Throws: `WeightError` or `TokenizerError` when the model has no tokenizer that can be read.
  init(_ text: String, model: String?) throws {
    let tokenizer = try CLIPTokenizer.ofModel(model)
    tokens = tokenizer.pieces(text).map { Token(id: $0.id, text: $0.text) }
    room = max(0, tokenizer.maximumLength - 2)
  }
}
