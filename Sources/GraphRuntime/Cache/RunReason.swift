/// The reason why a node runs.
public enum RunReason: Sendable, Hashable, CustomStringConvertible {
  /// No cache has its result.
  case notCached
  /// These parameters differ from the last run.
  case paramChanged([String])
  /// These inputs differ from the last run.
  case inputChanged([String])
  /// A file has another content than in the last run.
  case fileChanged
  /// The node type has another version than in the last run.
  case versionChanged
  /// The arithmetic differs from the last run.
  case numericModeChanged
  /// The node's results are never kept: it is not pure, or the graph says `cache: never`.
  case neverCached

  /// The reason in words.
  public var description: String {
    switch self {
    case .notCached: "not cached"
    case .paramChanged(let names): "changed: " + names.joined(separator: ", ")
    case .inputChanged(let names): "changed input: " + names.joined(separator: ", ")
    case .fileChanged: "a file changed"
    case .versionChanged: "the node type changed"
    case .numericModeChanged: "the numeric mode changed"
    case .neverCached: "never cached"
    }
  }
}
