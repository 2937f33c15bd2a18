/// The kind of value that a parameter takes.
public indirect enum ParamKind: Sendable, Hashable {
  /// A whole number.
  case int
  /// A number with or without a fraction, in double precision.
  case float
  /// A text of any length.
  case string
  /// `true` or `false`.
  case bool
  /// A file or folder that must exist.
  case path
  /// A file or folder that the node will write.
  case outputPath
  /// A whole number from 0 to 2^64 - 1, or the word `random`.
  case seed
  /// One of the words given.
  case choice([String])
  /// A list of one kind.
  case list(ParamKind)
  /// One of several kinds, which are tried in order: `auto`, `off` or a number.
  case either([ParamKind])

  /// The kind in words, for messages.
  public var description: String {
    switch self {
    case .int: "int"
    case .float: "float"
    case .string: "string"
    case .bool: "bool"
    case .path: "path"
    case .outputPath: "output path"
    case .seed: "seed (0 to 18446744073709551615, or `random`)"
    case .choice(let words):
      words.count == 1
        ? "`\(words[0])`" : "one of " + words.map { "`\($0)`" }.joined(separator: ", ")
    case .list(let element): "list of \(element.description)"
    case .either(let kinds): kinds.map(\.description).joined(separator: " or ")
    }
  }

  /// The names of the port types that may feed a parameter of this kind.
  public var portTypeNames: [String] {
    switch self {
    case .int, .seed: ["Int"]
    case .float: ["Float", "Int"]
    case .string, .choice: ["String"]
    case .bool: ["Bool"]
    case .path, .outputPath: ["Path"]
    case .list: []
    case .either(let kinds): kinds.flatMap(\.portTypeNames)
    }
  }
}
