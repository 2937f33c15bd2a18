/// Resolves plain scalars by the core schema of YAML 1.2: `no`, `on` and `12:30` are texts.
enum ScalarResolution {
  /// The value of a plain scalar; nil for a number too large for any parameter.
  static func resolve(_ text: String) -> Literal? {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    case ".nan", ".NaN", ".NAN": return .float(.nan)
    default: break
    }
    guard let first = text.utf8.first, isNumberStart(first) else { return .string(text) }
    if let value = infinity(text) { return .float(value) }
    if let digits = integerDigits(text) {
      return Int128(digits.text, radix: digits.radix).map { .int($0) }
    }
    if isFloat(text) { return Double(text).map { .float($0) } ?? .string(text) }
    return .string(text)
  }

  private static func isNumberStart(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
      || byte == UInt8(ascii: ".")
  }

  private static func infinity(_ text: String) -> Double? {
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": .infinity
    case "-.inf", "-.Inf", "-.INF": -.infinity
    default: nil
    }
  }

  /// The digits of a whole number: `[-+]?[0-9]+`, `0o[0-7]+` or `0x[0-9a-fA-F]+`.
  private static func integerDigits(_ text: String) -> (text: String, radix: Int)? {
    if text.hasPrefix("0o"), text.utf8.count > 2 {
      let digits = text.dropFirst(2)
      return digits.utf8.allSatisfy { (0x30...0x37).contains($0) } ? (String(digits), 8) : nil
    }
    if text.hasPrefix("0x"), text.utf8.count > 2 {
      let digits = text.dropFirst(2)
      return digits.utf8.allSatisfy(isHexDigit) ? (String(digits), 16) : nil
    }
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit) else { return nil }
    return (text, 10)
  }

  /// Whether a text is a number with fraction or exponent.
  ///
  /// The pattern is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
  private static func isFloat(_ text: String) -> Bool {
    var rest = text.utf8[...]
    skipSign(&rest)
    let whole = skipDigits(&rest)
    var fraction = 0
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = skipDigits(&rest)
    }
    guard whole > 0 || fraction > 0 else { return false }
    if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      skipSign(&rest)
      guard skipDigits(&rest) > 0 else { return false }
    }
    return rest.isEmpty
  }

  private static func skipSign(_ rest: inout Substring.UTF8View) {
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
  }

  private static func skipDigits(_ rest: inout Substring.UTF8View) -> Int {
    let digits = rest.prefix(while: isDigit)
    rest = rest[digits.endIndex...]
    return digits.count
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x61...0x66).contains(byte | 0x20)
  }
}
