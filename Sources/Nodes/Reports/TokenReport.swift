import DiffusionModels
import Foundation
import ResgraphWeights

/// How a prompt is cut into tokens: for `resgraph tokens`.
public struct TokenReport: Sendable {
  /// A token.
  public struct Token: Sendable, Encodable {
    /// Its number in the vocabulary.
    public let id: Int
    /// The text that it stands for.
    public let text: String
  }

  /// The tokens, without start and end.
  public let tokens: [Token]
  /// How many tokens the text encoder reads.
  public let room: Int

  /// Cuts a text.
  ///
  /// - Parameters:
  ///   - text: A prompt.
  ///   - model: A checkpoint or a tokenizer's folder; nil for CLIP's own vocabulary.
  /// - Throws: `WeightError` or `TokenizerError` when the model has no tokenizer that can be read.
  public init(_ text: String, model: String?) throws {
    let tokenizer = try Self.tokenizer(model)
    tokens = tokenizer.pieces(text).map { Token(id: $0.id, text: $0.text) }
    room = max(0, tokenizer.maximumLength - 2)
  }

  private static func tokenizer(_ model: String?) throws -> CLIPTokenizer {
    guard let model else { return .builtIn() }
    let names = ["vocab.json", "tokenizer.json"]
    let isFolder = names.contains { FileManager.default.fileExists(atPath: model + "/" + $0) }
    if isFolder { return try CLIPTokenizer(folder: model) }
    return try CheckpointReference(layout: .open(path: model)).tokenizer(.textEncoder)
  }
}
