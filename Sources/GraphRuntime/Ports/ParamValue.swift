/// The kind of value a parameter takes: what the validator checks and the documentation prints.
public indirect enum ParamKind: Sendable, Hashable {
  /// A whole number.
  case int
  /// A number.
  case float
  /// A text.
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
  /// Any of the kinds given, tried in order: `auto`, `off` or a number.
  case either([ParamKind])

  /// The kind in words: what messages say was expected.
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

  /// Whether words are among what is taken.
  var hasChoices: Bool {
    switch self {
    case .choice: true
    case .either(let kinds): kinds.contains(where: \.hasChoices)
    default: false
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

/// A plain value did not fit a parameter.
public struct ValueMismatch: Error, Equatable, Sendable {
  /// What the parameter takes.
  public var expected: String
  /// What was found.
  public var got: String
  /// Advice, if there is any.
  public var hint: String?
  /// True when a file that must exist does not.
  public var isMissingFile: Bool
  /// True when the value is of the right kind, but outside the range or the choices.
  public var isOutOfRange: Bool

  /// Describes a mismatch.
  ///
  /// - Parameters:
  ///   - expected: What the parameter takes.
  ///   - got: What was found.
  ///   - hint: Advice, if there is any.
  ///   - isMissingFile: True when a file that must exist does not.
  ///   - isOutOfRange: True when only the range or the choices are missed.
  public init(
    expected: String, got: String, hint: String? = nil, isMissingFile: Bool = false,
    isOutOfRange: Bool = false
  ) {
    self.expected = expected
    self.got = got
    self.hint = hint
    self.isMissingFile = isMissingFile
    self.isOutOfRange = isOutOfRange
  }
}

/// Finds the files that a graph names.
public protocol PathResolving: Sendable {
  /// Finds an existing file or folder.
  ///
  /// - Parameter path: The path as written; relative ones are looked up in the search folders.
  /// - Returns: The path of the existing file or folder.
  /// - Throws: `ValueMismatch` with `isMissingFile` when no such file exists.
  func existing(_ path: String) throws -> String
  /// Makes the path of a file that is to be written.
  ///
  /// - Parameter path: The path as written.
  /// - Returns: The path to write to.
  func writable(_ path: String) -> String
}

/// A Swift type that a node parameter may have.
///
/// Conforming here: `Int`, `Double`, `Float`, `String`, `Bool`, `Seed`, `InputPath`, `OutputPath`,
/// optionals and arrays of them. A string enum gets its conformance by declaring `ChoiceParam`.
public protocol ParamValue: Sendable {
  /// What the parameter takes.
  static var kind: ParamKind { get }
  /// The value of a parameter that is not given and has no default; nil when it is required.
  static var absent: Self? { get }
  /// Converts a plain value.
  ///
  /// - Parameters:
  ///   - literal: The plain value; never a reference, never out of the declared range.
  ///   - paths: Finds files, for the path types.
  /// - Throws: `ValueMismatch` when the value is of another kind.
  init(literal: Literal, paths: any PathResolving) throws
  /// The value as a plain value, in one canonical form: what the cache key hashes.
  var literal: Literal { get }
}

extension ParamValue {
  /// Nothing: the parameter is required.
  public static var absent: Self? { nil }
}

extension Optional: ParamValue where Wrapped: ParamValue {
  /// The wrapped kind.
  public static var kind: ParamKind { Wrapped.kind }
  /// No value.
  public static var absent: Wrapped?? { .some(nil) }
  /// Converts a plain value; null becomes nil.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Finds files.
  /// - Throws: `ValueMismatch` when the value is of another kind.
  public init(literal: Literal, paths: any PathResolving) throws {
    self = literal == .null ? nil : try Wrapped(literal: literal, paths: paths)
  }
  /// The wrapped value's plain form, or null.
  public var literal: Literal { self?.literal ?? .null }
}

extension Array: ParamValue where Element: ParamValue {
  /// A list of the element's kind.
  public static var kind: ParamKind { .list(Element.kind) }
  /// The empty list.
  public static var absent: [Element]? { [] }
  /// Converts every item; a single value counts as a list of one.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Finds files.
  /// - Throws: `ValueMismatch` when an item is of another kind.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .list(let items) = literal else {
      self = [try Element(literal: literal, paths: paths)]
      return
    }
    self = try items.map { try Element(literal: $0, paths: paths) }
  }
  /// The items' plain forms.
  public var literal: Literal { .list(map(\.literal)) }
}

/// A parameter type that takes one of a few words.
///
/// ```swift
/// enum Fit: String, ChoiceParam { case stretch, cover, contain }
/// ```
public protocol ChoiceParam: ParamValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ChoiceParam {
  /// One of the cases' words.
  public static var kind: ParamKind { .choice(allCases.map(\.rawValue)) }
  /// Finds the case of the word.
  ///
  /// - Parameters:
  ///   - literal: The word.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` when no case has that word.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .string(let word) = literal, let value = Self(rawValue: word) else {
      let words = Self.allCases.map(\.rawValue)
      guard case .string(let word) = literal else {
        throw ValueMismatch(expected: Self.kind.description, got: literal.summary)
      }
      throw ValueMismatch(
        expected: Self.kind.description, got: literal.summary,
        hint: didYouMean(word, among: words), isOutOfRange: true)
    }
    self = value
  }
  /// The case's word.
  public var literal: Literal { .string(rawValue) }
}
