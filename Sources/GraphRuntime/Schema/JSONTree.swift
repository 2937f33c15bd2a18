import ResgraphFiles

/// A JSON value with its keys in order, for writing.
indirect enum JSONTree: Sendable {
  case literal(Literal)
  case array([JSONTree])
  case object([(String, JSONTree)])

  static func string(_ text: String) -> JSONTree { .literal(.string(text)) }
  static func bool(_ value: Bool) -> JSONTree { .literal(.bool(value)) }
  static func int(_ value: Int) -> JSONTree { .literal(.int(Int128(value))) }
  static func strings(_ texts: [String]) -> JSONTree { .array(texts.map { .string($0) }) }

  /// A number without a needless fraction.
  static func number(_ value: Double) -> JSONTree {
    Int(exactly: value).map { .int($0) } ?? .literal(.float(value))
  }

  /// The text, indented by two spaces, ending in a line feed.
  var text: String { written(isIndented: true) + "\n" }

  /// The text on one line.
  var compactText: String { written(isIndented: false) }

  private func written(isIndented: Bool) -> String {
    var writer = JSONWriter(isIndented: isIndented)
    write(to: &writer)
    return writer.text
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .literal(let literal): writer.word(Self.spell(literal))
    case .array(let items): writer.array(items) { $0.write(to: &$1) }
    case .object(let entries):
      let members = entries.map { (key: $0.0, value: $0.1) }
      writer.object(members, escapesDelete: true) { $0.write(to: &$1) }
    }
  }

  /// JSON has no infinities.
  ///
  /// They are written as in YAML, so that the text is YAML then.
  private static func spell(_ literal: Literal) -> String {
    if case .list(let items) = literal {
      return "[" + items.map(spell).joined(separator: ",") + "]"
    }
    return literal.description
  }
}
