extension JSONValue {
  /// The one canonical text of this value: names sorted by their UTF-8 bytes, no spaces, integral
  /// numbers without fraction, other numbers in the shortest form that reads back to the same
  /// double.
  ///
  /// Non-finite numbers are written as Python writes them (`NaN`, `Infinity`, `-Infinity`).
  public func canonicalText() -> String {
    var writer = JSONWriter()
    write(to: &writer)
    return writer.text
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.word("null")
    case .bool(let value): writer.word(value ? "true" : "false")
    case .integer(let value): writer.word(String(value))
    case .number(let value): writer.word(Self.text(of: value))
    case .string(let text): writer.string(text)
    case .array(let elements): writer.array(elements) { $0.write(to: &$1) }
    case .object(let members):
      let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      writer.object(sorted) { $0.write(to: &$1) }
    }
  }

  /// An integral double below 2^53 prints as an integer, so that equal values have equal texts.
  private static func text(of value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    if value.magnitude < 9_007_199_254_740_992, let integer = Int(exactly: value),
      !(value == 0 && value.sign == .minus)
    {
      return String(integer)
    }
    return "\(value)"
  }
}
