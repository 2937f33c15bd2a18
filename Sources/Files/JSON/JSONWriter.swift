/// Writes JSON text: the punctuation, the line breaks and the quotation marks of any tree.
package struct JSONWriter {
  private var bytes: [UInt8] = []
  private var depth = 0
  private let isIndented: Bool

  /// Begins a text.
  ///
  /// - Parameter isIndented: Whether every value of a list or object stands on a line of its own,
  ///   moved in by two spaces; else the text has no spaces at all.
  package init(isIndented: Bool = false) { self.isIndented = isIndented }

  /// What has been written.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Writes a number or a word that is spelt as JSON wants it.
  package mutating func word(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Writes a string with quotation marks.
  ///
  /// - Parameters:
  ///   - text: Any text.
  ///   - escapesDelete: Whether the character U+007F is escaped as well, which JSON does not ask
  ///     for.
  package mutating func string(_ text: String, escapesDelete: Bool = false) {
    appendQuoted(text, to: &bytes, escapesDelete: escapesDelete)
  }

  /// Writes an array.
  ///
  /// - Parameters:
  ///   - elements: The elements.
  ///   - write: Writes one of them.
  package mutating func array<Element>(
    _ elements: [Element], _ write: (Element, inout JSONWriter) -> Void
  ) {
    list(elements, brackets: ("[", "]"), write)
  }

  /// Writes an object.
  ///
  /// - Parameters:
  ///   - members: The members in the order in which they are written.
  ///   - escapesDelete: Whether the character U+007F is escaped in names.
  ///   - write: Writes a member's value.
  package mutating func object<Value>(
    _ members: [(key: String, value: Value)], escapesDelete: Bool = false,
    _ write: (Value, inout JSONWriter) -> Void
  ) {
    list(members, brackets: ("{", "}")) { member, writer in
      writer.string(member.key, escapesDelete: escapesDelete)
      writer.word(writer.isIndented ? ": " : ":")
      write(member.value, &writer)
    }
  }

  private mutating func list<Element>(
    _ elements: [Element], brackets: (String, String), _ write: (Element, inout JSONWriter) -> Void
  ) {
    word(brackets.0)
    depth += 1
    for (index, element) in elements.enumerated() {
      if index > 0 { word(",") }
      breakLine()
      write(element, &self)
    }
    depth -= 1
    if !elements.isEmpty { breakLine() }
    word(brackets.1)
  }

  private mutating func breakLine() {
    guard isIndented else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }
}

/// Quotes a text the way JSON does, so that it can stand in a message or a JSON file.
///
/// - Parameter text: Any text.
/// - Returns: The text in double quotes, with quotes, backslashes and control characters escaped.
package func quoted(_ text: String) -> String {
  var bytes: [UInt8] = []
  appendQuoted(text, to: &bytes, escapesDelete: true)
  return String(decoding: bytes, as: UTF8.self)
}

private func appendQuoted(_ text: String, to bytes: inout [UInt8], escapesDelete: Bool) {
  bytes.append(UInt8(ascii: "\""))
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    case 0x0A: bytes.append(contentsOf: "\\n".utf8)
    case 0x0D: bytes.append(contentsOf: "\\r".utf8)
    case 0x09: bytes.append(contentsOf: "\\t".utf8)
    case 0..<0x20:
      bytes.append(contentsOf: "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
    case 0x7F where escapesDelete: bytes.append(contentsOf: "\\u007f".utf8)
    default: bytes.append(byte)
    }
  }
  bytes.append(UInt8(ascii: "\""))
}
