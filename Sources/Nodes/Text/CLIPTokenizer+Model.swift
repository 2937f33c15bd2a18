import DiffusionModels
import ResgraphFiles
import ResgraphWeights

extension CLIPTokenizer {
  /// The tokenizer of a model.
  ///
  /// - Parameter path: A checkpoint or a tokenizer's folder; nil for CLIP's own vocabulary.
  /// - Returns: The tokenizer of the first text encoder.
  /// - Throws: `WeightError` or `TokenizerError` when the model has no tokenizer that can be read.
  package static func ofModel(_ path: String?) throws -> CLIPTokenizer {
    guard let path else { return .builtIn() }
    let names = ["vocab.json", "tokenizer.json"]
    if names.contains(where: { FileStatus(path: joinPath(path, $0)) != nil }) {
      return try CLIPTokenizer(folder: path)
    }
    return try CheckpointReference(layout: .open(path: path)).tokenizer(.textEncoder)
  }
}
