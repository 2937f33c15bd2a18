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
  var text: String {
    var result = ""
    write(to: &result, indent: "")
    return result + "\n"
  }

  /// The text on one line.
  var compactText: String {
    switch self {
    case .literal(let literal): Self.spell(literal)
    case .array(let items): "[" + items.map(\.compactText).joined(separator: ",") + "]"
    case .object(let entries):
      "{" + entries.map { quoted($0.0) + ":" + $0.1.compactText }.joined(separator: ",") + "}"
    }
  }

  private func write(to result: inout String, indent: String) {
    let inner = indent + "  "
    switch self {
    case .literal(let literal): result += Self.spell(literal)
    case .array(let items) where items.isEmpty: result += "[]"
    case .object(let entries) where entries.isEmpty: result += "{}"
    case .array(let items):
      result += "[\n"
      for (index, item) in items.enumerated() {
        result += inner
        item.write(to: &result, indent: inner)
        result += index + 1 < items.count ? ",\n" : "\n"
      }
      result += indent + "]"
    case .object(let entries):
      result += "{\n"
      for (index, (key, value)) in entries.enumerated() {
        result += inner + quoted(key) + ": "
        value.write(to: &result, indent: inner)
        result += index + 1 < entries.count ? ",\n" : "\n"
      }
      result += indent + "}"
    }
  }

  /// JSON has no infinities; they keep YAML's spelling, which makes the text YAML.
  private static func spell(_ literal: Literal) -> String {
    if case .list(let items) = literal {
      return "[" + items.map(spell).joined(separator: ",") + "]"
    }
    return literal.description
  }
}
