/// Reads strict JSON into the same tree as YAML.
///
/// libyaml takes most JSON but not all: surrogate pairs in `\u` escapes, which every JSON writer uses
/// for emoji, are an error to it.
struct JSONReader {
  private let scalars: [Unicode.Scalar]
  private let file: String
  private let limits: YAMLLimits
  private var index = 0
  private var cursor = Cursor()
  private var collector = DiagnosticCollector()

  /// Reads a document.
  ///
  /// - Parameters:
  ///   - text: A text that `TextCheck` has passed.
  ///   - file: What messages call it.
  ///   - limits: How large the document may be.
  /// - Returns: The root (nil when it is not JSON) and what is wrong.
  static func read(
    _ text: String, file: String, limits: YAMLLimits
  ) -> (root: YAMLNode?, found: [Diagnostic]) {
    var reader = JSONReader(text, file: file, limits: limits)
    do {
      reader.skipSpace()
      let root = try reader.value(depth: 0)
      reader.skipSpace()
      if reader.index < reader.scalars.count {
        throw reader.error("text after the end of the value")
      }
      return (root, reader.collector.found)
    } catch let fatal as FatalDiagnostic {
      return (nil, [fatal.diagnostic])
    } catch {
      preconditionFailure("the JSON reader throws nothing else: \(error)")
    }
  }

  private init(_ text: String, file: String, limits: YAMLLimits) {
    scalars = Array(text.unicodeScalars)
    self.file = file
    self.limits = limits
  }

  private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func advance() {
    cursor.advance(over: scalars[index])
    index += 1
  }

  private mutating func skipSpace() {
    while let scalar = next, scalar == " " || scalar == "\n" || scalar == "\r" || scalar == "\t" {
      advance()
    }
  }

  private func error(_ message: String) -> FatalDiagnostic {
    FatalDiagnostic(.syntax, "not JSON: \(message)", at: cursor.range(file))
  }

  private mutating func expect(_ scalar: Unicode.Scalar) throws {
    guard next == scalar else { throw error("expected `\(scalar)`") }
    advance()
  }

  private mutating func value(depth: Int) throws -> YAMLNode {
    guard depth < limits.depth else {
      throw FatalDiagnostic(
        .limit, "collections are nested too deeply", at: cursor.range(file),
        .init(expected: "at most \(limits.depth) levels"))
    }
    let start = cursor.position
    let content: YAMLNode.Content
    switch next {
    case "{": content = try object(depth: depth)
    case "[": content = try array(depth: depth)
    case "\"":
      let text = try string()
      content = .scalar(.string(text), source: text)
    default: content = try word()
    }
    return YAMLNode(
      content: content, range: SourceRange(file: file, start: start, end: cursor.position))
  }

  private mutating func object(depth: Int) throws -> YAMLNode.Content {
    try expect("{")
    var entries: [YAMLNode.Entry] = []
    var seen: Set<String> = []
    skipSpace()
    if next == "}" {
      advance()
      return .mapping([])
    }
    while true {
      skipSpace()
      let start = cursor.position
      let key = try string()
      let range = SourceRange(file: file, start: start, end: cursor.position)
      skipSpace()
      try expect(":")
      skipSpace()
      let item = try value(depth: depth + 1)
      if seen.insert(key).inserted {
        entries.append(.init(key: key, keyRange: range, value: item))
      } else {
        collector.error(.duplicateKey, "key `\(key)` is given twice", at: range)
      }
      skipSpace()
      if next == "}" {
        advance()
        return .mapping(entries)
      }
      try expect(",")
    }
  }

  private mutating func array(depth: Int) throws -> YAMLNode.Content {
    try expect("[")
    var items: [YAMLNode] = []
    skipSpace()
    if next == "]" {
      advance()
      return .sequence([])
    }
    while true {
      skipSpace()
      items.append(try value(depth: depth + 1))
      skipSpace()
      if next == "]" {
        advance()
        return .sequence(items)
      }
      try expect(",")
    }
  }

  private mutating func word() throws -> YAMLNode.Content {
    var text = ""
    while let scalar = next, scalar.isASCII,
      scalar.properties.isAlphabetic
        || scalar.properties.numericType != nil || scalar == "-" || scalar == "+" || scalar == "."
    {
      text.unicodeScalars.append(scalar)
      advance()
    }
    switch text {
    case "true", "false", "null": break
    default: guard Self.isNumber(text) else { throw error("expected a value") }
    }
    guard let literal = ScalarResolution.resolve(text) else { throw error("number too large") }
    return .scalar(literal, source: text)
  }

  /// `-?(0|[1-9][0-9]*)` and then fraction and exponent, which `Double` checks.
  private static func isNumber(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard let first = digits.utf8.first, (0x30...0x39).contains(first), Double(text) != nil,
      !digits.contains(where: { "xXpP".contains($0) })
    else { return false }
    let second = digits.dropFirst().utf8.first ?? UInt8(ascii: ".")
    return first != UInt8(ascii: "0") || !(0x30...0x39).contains(second)
  }

  private mutating func string() throws -> String {
    try expect("\"")
    var text = ""
    while let scalar = next {
      switch scalar {
      case "\"":
        advance()
        return text
      case "\\":
        advance()
        text.unicodeScalars.append(try escape())
      case "\n", "\r", "\t": throw error("unescaped line break or tab in a string")
      default:
        text.unicodeScalars.append(scalar)
        advance()
      }
    }
    throw error("a string does not end")
  }

  private mutating func escape() throws -> Unicode.Scalar {
    guard let scalar = next else { throw error("a string does not end") }
    let simple: [Unicode.Scalar: Unicode.Scalar] = [
      "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r",
      "t": "\t",
    ]
    if let value = simple[scalar] {
      advance()
      return value
    }
    guard scalar == "u" else { throw error("unknown escape") }
    advance()
    let first = try hexDigits()
    if let value = Unicode.Scalar(first) { return value }
    guard (0xD800..<0xDC00).contains(first), next == "\\" else { throw error("lone surrogate") }
    advance()
    try expect("u")
    let second = try hexDigits()
    guard (0xDC00..<0xE000).contains(second),
      let value = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw error("lone surrogate") }
    return value
  }

  private mutating func hexDigits() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let scalar = next, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
        throw error("expected four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      advance()
    }
    return value
  }
}
