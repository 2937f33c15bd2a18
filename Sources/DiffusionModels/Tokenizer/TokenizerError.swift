/// What can be wrong with a tokenizer's files or with what is asked of it.
public enum TokenizerError: Error, Sendable, Equatable {
  /// The folder holds neither `tokenizer.json` nor `vocab.json` with `merges.txt`.
  case filesMissing(folder: String)
  /// A file breaks a rule of its format.
  case malformed(path: String, reason: String)
  /// A file describes a tokenizer that is not CLIP's byte-pair kind.
  case unsupported(path: String, reason: String)
  /// Token sequences need room for the start and the end token.
  case lengthTooSmall(Int)
}

extension TokenizerError: CustomStringConvertible {
  /// One sentence for people.
  public var description: String {
    switch self {
    case .filesMissing(let folder):
      "\(folder): no tokenizer here; expected tokenizer.json, or vocab.json with merges.txt"
    case .malformed(let path, let reason): "\(path): \(reason)"
    case .unsupported(let path, let reason):
      "\(path): \(reason); only CLIP's tokenizer is supported"
    case .lengthTooSmall(let length):
      "a token sequence of length \(length) has no room for the start and end tokens"
    }
  }
}
