/// Finds the files that a graph names.
public protocol PathResolving: Sendable {
  /// Finds an existing file or folder.
  ///
  /// - Parameter path: The path as written; relative ones are looked up in the search folders.
  /// - Returns: The path of the existing file or folder.
  /// - Throws: `ValueMismatch` of reason `missingFile` when no such file exists.
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
  /// The value as a plain value, in one canonical form. The cache key contains it.
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
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .string(let word) = literal, let value = Self(rawValue: word) else {
      throw ValueMismatch(literal, among: Self.allCases.map(\.rawValue))
    }
    self = value
  }
  /// The case's word.
  public var literal: Literal { .string(rawValue) }
}
