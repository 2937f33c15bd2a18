/// A fault of a graph or its parameters, with its place.
public struct Diagnostic: Sendable, Hashable, Codable {
  /// Whether the graph can run nevertheless.
  public enum Severity: String, Sendable, Codable {
    /// The graph cannot run.
    case error
    /// The graph can run.
    case warning
  }

  /// The rule that is broken.
  ///
  /// The codes are stable, for tools.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// The text is not YAML (or JSON).
    case syntax
    /// The text breaks a size limit.
    case limit
    /// YAML that the graph language does not take: tags, merge keys, several documents.
    case unsupportedYAML = "unsupported-yaml"
    /// A key is given twice.
    case duplicateKey = "duplicate-key"
    /// A key that nothing reads.
    case unknownKey = "unknown-key"
    /// A key that must be there is not.
    case missingKey = "missing-key"
    /// A value of another type.
    case wrongType = "wrong-type"
    /// A value outside its range or choices.
    case outOfRange = "out-of-range"
    /// A name that may not be used.
    case badName = "bad-name"
    /// A feature of a later version of the language.
    case notSupported = "not-supported"
    /// A node type that does not exist.
    case unknownType = "unknown-type"
    /// A node, port or parameter that a reference names and that does not exist.
    case unknownReference = "unknown-reference"
    /// A value that begins as a reference does, but is not one.
    case badReference = "bad-reference"
    /// An input or parameter that must be given is not.
    case missingInput = "missing-input"
    /// An edge between ports of different types.
    case portType = "port-type"
    /// An edge between ports of different model families.
    case family
    /// Nodes that depend on themselves.
    case cycle
    /// A file that does not exist.
    case missingFile = "missing-file"
    /// A node found its inputs wrong.
    case node
    /// A node that no output needs.
    case unused
  }

  /// Whether the graph can run nevertheless.
  public var severity: Severity
  /// Which rule is broken.
  public var code: Code
  /// What is wrong, in a sentence without a full stop.
  public var message: String
  /// Where.
  public var range: SourceRange
  /// The node it is about.
  public var node: String?
  /// The port it is about.
  public var port: String?
  /// The value that would have been right.
  public var expected: String?
  /// What was found.
  public var got: String?
  /// Advice, such as the nearest name.
  public var hint: String?
  /// The exit code that the error alone would give.
  public var status: ExitStatus

  /// Makes a diagnostic.
  ///
  /// - Parameters:
  ///   - code: Which rule is broken.
  ///   - message: What is wrong, in a sentence without a full stop.
  ///   - range: Where.
  ///   - details: Everything else.
  public init(_ code: Code, _ message: String, at range: SourceRange, _ details: Details = .init())
  {
    severity = details.severity
    self.code = code
    self.message = Self.shortened(message)
    self.range = range
    node = details.node
    port = details.port
    expected = details.expected.map(Self.shortened)
    got = details.got.map(Self.shortened)
    hint = details.hint.map(Self.shortened)
    status = details.status ?? (code == .missingFile ? .missingFile : .invalid)
  }

  /// Shortens a text, because names and values come from the file and may have any length.
  private static func shortened(_ text: String) -> String {
    text.utf8.count <= 1000 ? text : String(text.prefix(500)) + "..."
  }

  /// The optional parts of a diagnostic.
  public struct Details: Sendable {
    var expected: String?
    var got: String?
    var hint: String?
    var node: String?
    var port: String?
    var severity = Severity.error
    var status: ExitStatus?

    /// Collects the optional parts.
    ///
    /// - Parameters:
    ///   - expected: The value that would have been right.
    ///   - got: What was found.
    ///   - hint: Advice.
    ///   - node: The node it is about.
    ///   - port: The port it is about.
    ///   - severity: Whether the graph can run nevertheless.
    ///   - status: The exit code, when not the code's usual one.
    public init(
      expected: String? = nil, got: String? = nil, hint: String? = nil, node: String? = nil,
      port: String? = nil, severity: Severity = .error, status: ExitStatus? = nil
    ) {
      self.expected = expected
      self.got = got
      self.hint = hint
      self.node = node
      self.port = port
      self.severity = severity
      self.status = status
    }
  }
}

/// Everything wrong with a graph, in the order of the text.
public struct Diagnostics: ExitStatusError {
  /// Errors and warnings, sorted.
  public private(set) var all: [Diagnostic]
  /// The texts that the diagnostics point into.
  public let sources: [SourceText]

  /// Sorts diagnostics by text and position.
  ///
  /// - Parameters:
  ///   - found: Errors and warnings, in any order.
  ///   - sources: The texts, in the order in which they are to be listed.
  public init(_ found: [Diagnostic], sources: [SourceText]) {
    self.sources = sources
    let order = Dictionary(
      sources.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    let keyed = found.enumerated().map { ($1, order[$1.range.file] ?? sources.count, $0) }
    let sorted = keyed.sorted { a, b in
      (a.1, a.0.range.start.line, a.0.range.start.column, a.2)
        < (b.1, b.0.range.start.line, b.0.range.start.column, b.2)
    }.map(\.0)
    // A value may be wrong for several nodes, through `defaults` or an alias. It is reported once.
    var seen: Set<[String]> = []
    all = sorted.filter { one in
      let place = "\(one.range.file):\(one.range.start.line):\(one.range.start.column)"
      return seen.insert([place, one.code.rawValue, one.port ?? one.message]).inserted
    }
  }

  /// The errors.
  public var errors: [Diagnostic] { all.filter { $0.severity == .error } }
  /// The warnings.
  public var warnings: [Diagnostic] { all.filter { $0.severity == .warning } }

  /// The exit code: that of the errors if they agree, else `invalid`; `done` without errors.
  public var exitStatus: ExitStatus {
    let codes = Set(errors.map(\.status))
    return codes.count == 1 ? codes.first ?? .done : codes.isEmpty ? .done : .invalid
  }
}

extension Diagnostics: CustomStringConvertible {
  /// All diagnostics as text, each with its line and a caret below it.
  public var description: String { all.map(render).joined(separator: "\n") }

  /// One diagnostic as text.
  ///
  /// - Parameter diagnostic: One of this list.
  /// - Returns: Several lines, each ending in a line feed.
  public func render(_ diagnostic: Diagnostic) -> String {
    let range = diagnostic.range
    var text =
      "\(range.file):\(range.start.line):\(range.start.column): "
      + "\(diagnostic.severity.rawValue)[\(diagnostic.code.rawValue)]: \(diagnostic.message)\n"
    let source = sources.first { $0.name == range.file }
    var margin = "  "
    if let line = source?.line(range.start.line) {
      let number = String(range.start.line)
      margin = String(repeating: " ", count: number.count + 2)
      let excerpt = Excerpt(line: line, range: range)
      text += " \(number) | \(excerpt.line)\n\(margin)| \(excerpt.caret)\n"
    }
    for (label, value) in [
      ("expected", diagnostic.expected), ("got", diagnostic.got), ("hint", diagnostic.hint),
    ] {
      if let value { text += "\(margin)= \(label): \(value)\n" }
    }
    return text
  }
}

/// The part of a line that fits a terminal, with carets below the range.
private struct Excerpt {
  let line: String
  let caret: String
  static let width = 100

  init(line full: Substring, range: SourceRange) {
    // A line may be as long as the file, so only the visible part is copied.
    let scalars = full.unicodeScalars
    let count = scalars.count
    let column = max(0, min(range.start.column - 1, count))
    let endColumn = range.end.line == range.start.line ? range.end.column - 1 : count
    var first = 0
    if count > Self.width, column > Self.width / 2 { first = column - Self.width / 2 }
    let last = min(count, first + Self.width)
    // Control characters would move the caret or the cursor.
    let visible = scalars.dropFirst(first).prefix(last - first).map {
      $0.properties.generalCategory == .control ? " " : $0
    }
    var shown = String(String.UnicodeScalarView(visible))
    if first > 0 { shown = "..." + shown }
    if last < count { shown += "..." }
    let indent = column - first + (first > 0 ? 3 : 0)
    let length = max(1, min(endColumn, last) - column)
    line = shown
    caret = String(repeating: " ", count: indent) + String(repeating: "^", count: length)
  }
}
