/// Strings with their escapes.
extension JSONParser {
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while let byte = current {
      if byte == UInt8(ascii: "\"") {
        let text = try text(bytes[start..<position], at: start)
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else { throw fail("control character in a string") }
      position += 1
    }
    throw fail("the text ends inside a string")
  }

  private func text(
    _ utf8: some Sequence<UInt8>, at offset: Int
  ) throws(JSONError) -> String {
    guard let text = String(validating: utf8, as: UTF8.self) else {
      throw JSONError(offset: offset, reason: "a string is not UTF-8")
    }
    return text
  }

  /// The slow path of `string`, entered at the first backslash.
  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var buffer = Array(bytes[start..<position])
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try text(buffer, at: start)
      case UInt8(ascii: "\\"): try appendEscape(to: &buffer)
      case 0..<0x20:
        position -= 1
        throw fail("control character in a string")
      default: buffer.append(byte)
      }
    }
    throw fail("the text ends inside a string")
  }

  private mutating func appendEscape(to buffer: inout [UInt8]) throws(JSONError) {
    guard let byte = current else { throw fail("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"): buffer.append(contentsOf: String(try unicodeEscape()).utf8)
    default:
      position -= 1
      throw fail("unknown escape \(printable(byte))")
    }
  }

  private mutating func unicodeEscape() throws(JSONError) -> Character {
    let first = try hexadecimalQuad()
    if let scalar = Unicode.Scalar(first) { return Character(scalar) }
    guard first < 0xDC00, current == UInt8(ascii: "\\") else { throw fail("lone surrogate") }
    position += 1
    try expect(UInt8(ascii: "u"), "lone surrogate")
    let second = try hexadecimalQuad()
    guard (0xDC00...0xDFFF).contains(second) else { throw fail("lone surrogate") }
    let value = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw fail("lone surrogate") }
    return Character(scalar)
  }

  private mutating func hexadecimalQuad() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue,
        byte < 0x80
      else { throw fail("expected four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
