import ResgraphFiles

/// A value in a graph file: a literal, a reference, a text with placeholders, or a list.
public struct Expression: Sendable {
  /// The forms of a value.
  public indirect enum Form: Sendable {
    /// A plain value.
    case literal(Literal)
    /// `$params.name`.
    case param(String)
    /// `$node` or `$node.port`.
    case node(id: String, port: String?)
    /// A text with `${params.name}` in it.
    case text([Piece])
    /// A list of values.
    case list([Expression])
  }

  /// A part of a text with placeholders.
  public enum Piece: Sendable, Hashable {
    /// Text as it is.
    case text(String)
    /// The value of a parameter.
    case param(String)
  }

  /// The value's form.
  public var form: Form
  /// Where it stands.
  public var range: SourceRange
  /// The folder against which it is resolved first, if it is a relative path; nil for the graph's.
  public var folder: String?

  /// Where the value was written.
  var origin: ValueOrigin { ValueOrigin(range: range, folder: folder) }

  /// The value as if all of it stood in one place.
  ///
  /// - Parameters:
  ///   - range: The place.
  ///   - folder: The folder against which relative paths there are resolved first.
  /// - Returns: The same value, at that place.
  func moved(to range: SourceRange, folder: String) -> Expression {
    var form = form
    if case .list(let items) = form {
      form = .list(items.map { $0.moved(to: range, folder: folder) })
    }
    return Expression(form: form, range: range, folder: folder)
  }

  /// Whether the value is null, which means that none is given.
  var isNull: Bool { if case .literal(.null) = form { true } else { false } }

  /// Reads a value of a port.
  ///
  /// - Parameters:
  ///   - node: The YAML value.
  ///   - collector: Receives what is wrong.
  /// - Returns: The value, nil when it cannot be understood.
  static func read(_ node: YAMLNode, into collector: inout DiagnosticCollector) -> Expression? {
    switch node.content {
    case .scalar(.string(let text), _):
      return readText(text, at: node.range, into: &collector)
    case .scalar(let literal, _):
      return Expression(form: .literal(literal), range: node.range)
    case .sequence(let items):
      let values = items.compactMap { read($0, into: &collector) }
      guard values.count == items.count else { return nil }
      return Expression(form: .list(values), range: node.range)
    case .broken: return nil
    case .mapping(let entries):
      var hint: String?
      // `{$params.x}` reads as a mapping in YAML; so does an unquoted `${params.x}` in flow style.
      if let key = entries.first?.key, key.hasPrefix("$") || key.hasPrefix("params.") {
        hint = "write `\(key.hasPrefix("$") ? key : "$" + key)` without braces"
      }
      collector.error(
        .wrongType, "a mapping cannot be a value here", at: node.range,
        .init(expected: "a literal, a `$reference` or a list", got: "a mapping", hint: hint))
      return nil
    }
  }

  private static func readText(
    _ text: String, at range: SourceRange, into collector: inout DiagnosticCollector
  ) -> Expression? {
    guard text.utf8.contains(UInt8(ascii: "$")) else {
      return Expression(form: .literal(.string(text)), range: range)
    }
    if ReferenceSyntax.looksLikeReference(text) {
      guard let form = ReferenceSyntax.parse(text) else {
        collector.error(
          .badReference, "\(quoted(text)) is not a reference", at: range,
          .init(
            expected: "`$params.name`, `$node` or `$node.port`",
            hint: "for a text that starts with a dollar sign write `$$`"))
        return nil
      }
      return Expression(form: form, range: range)
    }
    switch ReferenceSyntax.pieces(of: text) {
    case .success(let pieces):
      let form: Form
      switch pieces.count {
      case 0: form = .literal(.string(""))
      case 1:
        if case .text(let only) = pieces[0] {
          form = .literal(.string(only))
        } else {
          form = .text(pieces)
        }
      default: form = .text(pieces)
      }
      return Expression(form: form, range: range)
    case .failure(let problem):
      collector.error(
        .badReference, problem.message, at: range,
        .init(expected: "`${params.name}`", hint: "write `$$` for a dollar sign"))
      return nil
    }
  }
}

/// How references are written.
enum ReferenceSyntax {
  /// The reason why a text with placeholders cannot be read.
  struct Problem: Error {
    let message: String
  }

  /// Names that no node may have, because references use them.
  static let reservedNames: Set<String> = ["params", "models", "item", "env"]

  /// Whether a text must be a reference: a dollar sign, a name, and no space.
  static func looksLikeReference(_ text: String) -> Bool {
    let rest = text.unicodeScalars.dropFirst()
    guard text.unicodeScalars.first == "$", let first = rest.first else { return false }
    let startsName = first == "_" || first.isASCII && first.properties.isAlphabetic
    return startsName && !rest.contains { $0.properties.isWhitespace || $0 == "$" }
  }

  /// Reads `$params.name`, `$node` or `$node.port`.
  static func parse(_ text: String) -> Expression.Form? {
    let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
      .map(String.init)
    guard parts.count <= 2, parts.allSatisfy(isName) else { return nil }
    if parts[0] == "params" { return parts.count == 2 ? .param(parts[1]) : nil }
    if reservedNames.contains(parts[0]) { return nil }
    return .node(id: parts[0], port: parts.count == 2 ? parts[1] : nil)
  }

  /// Whether a text may name a node, parameter, port or output.
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isLetter(first), text.utf8.count <= 100 else { return false }
    return text.utf8.allSatisfy {
      isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_")
  }

  /// Splits a text at its placeholders `${params.name}`; `$$` is a dollar sign.
  static func pieces(of text: String) -> Result<[Expression.Piece], Problem> {
    var pieces: [Expression.Piece] = []
    var plain = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      plain += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      switch rest.first {
      case "$":
        plain += "$"
        rest = rest.dropFirst()
      case "{":
        guard let close = rest.firstIndex(of: "}") else {
          return .failure(Problem(message: "`${` is not closed"))
        }
        let inside = rest[rest.index(after: rest.startIndex)..<close]
        guard inside.hasPrefix("params."), isName(String(inside.dropFirst(7))) else {
          let shown = inside.count > 40 ? inside.prefix(37) + "..." : inside
          return .failure(Problem(message: "`${\(shown)}` cannot be replaced"))
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        plain = ""
        pieces.append(.param(String(inside.dropFirst(7))))
        rest = rest[rest.index(after: close)...]
      default: plain += "$"
      }
    }
    plain += rest
    if !plain.isEmpty { pieces.append(.text(plain)) }
    return .success(pieces)
  }
}
