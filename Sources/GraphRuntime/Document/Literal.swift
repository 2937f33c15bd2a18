import ResgraphFiles

/// A plain value, as it stands in a graph file.
public enum Literal: Sendable, Hashable {
  /// The YAML null.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A whole number; wide enough for a 64-bit seed with or without sign.
  case int(Int128)
  /// A number with a fraction, an exponent, or one of `.inf` and `.nan`.
  case float(Double)
  /// A text, without the quotes of its file.
  case string(String)
  /// An ordered list.
  case list([Literal])

  /// The name of the value's type, as messages print it.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .int: "int"
    case .float: "float"
    case .string: "string"
    case .list: "list"
    }
  }
}

extension Literal: CustomStringConvertible {
  /// The value as one would write it in a graph file, on one line.
  public var description: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): String(value)
    case .float(let value): Literal.spelling(of: value)
    case .string(let value): quoted(value)
    case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
    }
  }

  /// The type and the shortened value, for messages.
  public var summary: String {
    if case .null = self { return "null" }
    let text = description
    return typeName + " " + (text.count > 60 ? String(text.prefix(57)) + "..." : text)
  }

  static func spelling(of value: Double) -> String {
    if value.isNaN { return ".nan" }
    if value.isInfinite { return value < 0 ? "-.inf" : ".inf" }
    return String(value)
  }
}
