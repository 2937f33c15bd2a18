/// Where and why a text is not the JSON that is accepted.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Byte offset from the start of the text.
  public let offset: Int
  /// What was wrong there.
  public let reason: String
  /// One sentence for people.
  public var description: String { "JSON, byte \(offset): \(reason)" }
}

/// What a JSON text may be at most.
public struct JSONLimits: Sendable {
  /// Deepest nesting of arrays and objects.
  public var depth: Int
  /// Longest text in bytes.
  public var byteCount: Int
  /// Most values in all.
  public var values: Int
  /// Whether integers beyond 64 bits are read as doubles (as other writers' huge defaults need) or refused.
  public var roundsLargeIntegers: Bool
  /// Whether Python's `NaN`, `Infinity` and `-Infinity` are read.
  public var acceptsNonFinite: Bool

  /// Limits for configuration and tokenizer files, which Python wrote.
  public static let standard = JSONLimits(
    depth: 128, byteCount: 256 << 20, values: 8_000_000, roundsLargeIntegers: true,
    acceptsNonFinite: true)
  /// Limits for the header of a safetensors file.
  public static let weightHeader = JSONLimits(
    depth: 8, byteCount: 100_000_000, values: 1_000_000, roundsLargeIntegers: false,
    acceptsNonFinite: false)
}

extension JSONValue {
  /// Parses a whole text strictly: no duplicate names, no trailing characters, no comments.
  ///
  /// - Parameters:
  ///   - bytes: The text in UTF-8.
  ///   - limits: What is refused as too large.
  /// - Returns: The document.
  /// - Throws: `JSONError` with the byte offset of the first fault.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: JSONLimits = .standard
  ) throws(JSONError) -> JSONValue {
    guard bytes.count <= limits.byteCount else {
      throw JSONError(offset: 0, reason: "longer than \(limits.byteCount) bytes")
    }
    var parser = JSONParser(bytes: bytes, limits: limits)
    return try parser.document()
  }

  /// Parses a string strictly.
  ///
  /// - Parameters:
  ///   - text: The document.
  ///   - limits: What is refused as too large.
  /// - Returns: The document.
  /// - Throws: `JSONError` with the byte offset of the first fault.
  public static func parse(
    _ text: String, limits: JSONLimits = .standard
  ) throws(JSONError) -> JSONValue {
    let result: Result<JSONValue, JSONError> = Array(text.utf8).withUnsafeBytes { bytes in
      do throws(JSONError) { return .success(try parse(bytes, limits: limits)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// A recursive-descent parser over bytes; depth is bounded by the limits.
private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let limits: JSONLimits
  var position = 0
  var valueCount = 0

  init(bytes: UnsafeRawBufferPointer, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw fail("characters after the end of the document") }
    return value
  }

  private func fail(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipSpace()
    valueCount += 1
    guard valueCount <= limits.values else { throw fail("more than \(limits.values) values") }
    guard let byte = current else { throw fail("the text ends where a value is expected") }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N") where limits.acceptsNonFinite: return try word("NaN", .number(.nan))
    case UInt8(ascii: "I") where limits.acceptsNonFinite:
      return try word("Infinity", .number(.infinity))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw fail("unexpected character \(printable(byte))")
    }
  }

  private func printable(_ byte: UInt8) -> String {
    byte > 0x20 && byte < 0x7F
      ? "'\(Character(Unicode.Scalar(byte)))'" : "0x\(String(byte, radix: 16))"
  }

  private mutating func word(
    _ text: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    for index in 0..<text.utf8CodeUnitCount {
      guard current == text.utf8Start[index] else { throw fail("expected '\(text)'") }
      position += 1
    }
    return value
  }

  private mutating func expect(_ character: UInt8, _ reason: String) throws(JSONError) {
    guard current == character else { throw fail(reason) }
    position += 1
  }

  private func checkDepth(_ depth: Int) throws(JSONError) {
    guard depth <= limits.depth else { throw fail("nested deeper than \(limits.depth) levels") }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    try checkDepth(depth)
    position += 1
    var members: [String: JSONValue] = [:]
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw fail("expected a member name") }
      let start = position
      let name = try string()
      skipSpace()
      try expect(UInt8(ascii: ":"), "expected ':' after a member name")
      let member = try value(depth: depth)
      guard members.updateValue(member, forKey: name) == nil else {
        throw JSONError(offset: start, reason: "duplicate member '\(name)'")
      }
      skipSpace()
      if current == UInt8(ascii: "}") {
        position += 1
        return .object(members)
      }
      try expect(UInt8(ascii: ","), "expected ',' or '}'")
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    try checkDepth(depth)
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value(depth: depth))
      skipSpace()
      if current == UInt8(ascii: "]") {
        position += 1
        return .array(elements)
      }
      try expect(UInt8(ascii: ","), "expected ',' or ']'")
    }
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw fail("expected a digit") }
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    if current == UInt8(ascii: "-") {
      position += 1
      if limits.acceptsNonFinite, current == UInt8(ascii: "I") {
        return try word("Infinity", .number(-.infinity))
      }
    }
    if current == UInt8(ascii: "0") { position += 1 } else { try digits() }
    var isInteger = true
    if current == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return try numberValue(start: start, isInteger: isInteger)
  }

  private func numberValue(start: Int, isInteger: Bool) throws(JSONError) -> JSONValue {
    let length = position - start
    guard length <= 1024 else { throw fail("a number of \(length) characters") }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // "-0" is a double: an integer would lose its sign.
    if isInteger, text != "-0", let value = Int(text) { return .integer(value) }
    if isInteger, text != "-0", !limits.roundsLargeIntegers {
      throw JSONError(offset: start, reason: "integer \(text.prefix(40)) does not fit 64 bits")
    }
    guard let value = Double(text), value.isFinite else {
      throw JSONError(offset: start, reason: "number \(text.prefix(40)) is out of range")
    }
    return .number(value)
  }

  private mutating func string() throws(JSONError) -> String {
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
