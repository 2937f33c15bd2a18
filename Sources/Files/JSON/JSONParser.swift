/// A recursive-descent parser over bytes; depth is bounded by the limits.
package struct JSONParser<Builder: JSONBuilder> {
  /// What has been built beside the values.
  package private(set) var builder: Builder
  let bytes: UnsafeRawBufferPointer
  private let limits: JSONLimits
  var position = 0
  private var valueCount = 0

  /// Prepares to read a text.
  ///
  /// - Parameters:
  ///   - bytes: The text in UTF-8; must stay in memory until it is read.
  ///   - limits: What is refused as too large.
  ///   - builder: Makes the values.
  package init(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits, builder: Builder) {
    self.bytes = bytes
    self.limits = limits
    self.builder = builder
  }

  /// Reads the whole text strictly: no trailing characters, no comments.
  ///
  /// - Returns: The document.
  /// - Throws: `JSONError` with the byte offset of the first fault.
  package mutating func document() throws(JSONError) -> Builder.Value {
    guard bytes.count <= limits.byteCount else {
      throw JSONError(offset: 0, reason: "longer than \(limits.byteCount) bytes")
    }
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw fail("characters after the end of the document") }
    return value
  }

  func fail(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value(depth: Int) throws(JSONError) -> Builder.Value {
    skipSpace()
    valueCount += 1
    guard valueCount <= limits.values else { throw fail("more than \(limits.values) values") }
    guard let byte = current else { throw fail("the text ends where a value is expected") }
    let start = builder.place(position)
    if byte == UInt8(ascii: "{") { return try object(from: start, depth: depth + 1) }
    if byte == UInt8(ascii: "[") { return try array(from: start, depth: depth + 1) }
    let scalar = try scalar(byte)
    return try builder.scalar(scalar, from: start, to: builder.place(position))
  }

  private mutating func scalar(_ byte: UInt8) throws(JSONError) -> JSONScalar {
    switch byte {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N") where limits.acceptsNonFinite: return try word("NaN", .nonFinite(.nan))
    case UInt8(ascii: "I") where limits.acceptsNonFinite:
      return try word("Infinity", .nonFinite(.infinity))
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw fail("unexpected character \(printable(byte))")
    }
  }

  func printable(_ byte: UInt8) -> String {
    byte > 0x20 && byte < 0x7F
      ? "'\(Character(Unicode.Scalar(byte)))'" : "0x\(String(byte, radix: 16))"
  }

  private mutating func word(
    _ text: StaticString, _ value: JSONScalar
  ) throws(JSONError) -> JSONScalar {
    for index in 0..<text.utf8CodeUnitCount {
      guard current == text.utf8Start[index] else { throw fail("expected '\(text)'") }
      position += 1
    }
    return value
  }

  mutating func expect(_ character: UInt8, _ reason: String) throws(JSONError) {
    guard current == character else { throw fail(reason) }
    position += 1
  }

  private func checkDepth(_ depth: Int) throws(JSONError) {
    guard depth <= limits.depth else {
      throw JSONError(
        offset: position, reason: "nested deeper than \(limits.depth) levels", isTooDeep: true)
    }
  }

  private mutating func object(
    from start: Builder.Place, depth: Int
  ) throws(JSONError) -> Builder.Value {
    try checkDepth(depth)
    position += 1
    var members = builder.members()
    skipSpace()
    if current == UInt8(ascii: "}") {
      position += 1
      return builder.object(members, from: start, to: builder.place(position))
    }
    while true {
      try member(of: &members, depth: depth)
      skipSpace()
      if current == UInt8(ascii: "}") {
        position += 1
        return builder.object(members, from: start, to: builder.place(position))
      }
      try expect(UInt8(ascii: ","), "expected ',' or '}'")
    }
  }

  private mutating func member(
    of members: inout Builder.Members, depth: Int
  ) throws(JSONError) {
    skipSpace()
    guard current == UInt8(ascii: "\"") else { throw fail("expected a member name") }
    let start = builder.place(position)
    let name = try string()
    let end = builder.place(position)
    skipSpace()
    try expect(UInt8(ascii: ":"), "expected ':' after a member name")
    let value = try value(depth: depth)
    try builder.add(value, named: name, from: start, to: end, to: &members)
  }

  private mutating func array(
    from start: Builder.Place, depth: Int
  ) throws(JSONError) -> Builder.Value {
    try checkDepth(depth)
    position += 1
    var elements: [Builder.Value] = []
    skipSpace()
    if current == UInt8(ascii: "]") {
      position += 1
      return builder.array(elements, from: start, to: builder.place(position))
    }
    while true {
      elements.append(try value(depth: depth))
      skipSpace()
      if current == UInt8(ascii: "]") {
        position += 1
        return builder.array(elements, from: start, to: builder.place(position))
      }
      try expect(UInt8(ascii: ","), "expected ',' or ']'")
    }
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw fail("expected a digit") }
  }

  private mutating func number() throws(JSONError) -> JSONScalar {
    let start = position
    if current == UInt8(ascii: "-") {
      position += 1
      if limits.acceptsNonFinite, current == UInt8(ascii: "I") {
        return try word("Infinity", .nonFinite(-.infinity))
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
    let length = position - start
    guard length <= 1024 else { throw fail("a number of \(length) characters") }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    return .number(text, isInteger: isInteger, offset: start)
  }
}
