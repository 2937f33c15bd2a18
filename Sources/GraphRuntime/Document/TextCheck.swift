/// Checks that bytes are a text that YAML allows, before the parser sees them.
enum TextCheck {
  /// Decodes UTF-8 and refuses damaged sequences and control characters, with their place.
  ///
  /// - Parameters:
  ///   - bytes: The file's bytes.
  ///   - file: What messages call the file.
  ///   - limits: How large it may be.
  /// - Returns: The text without a byte order mark.
  /// - Throws: `FatalDiagnostic` at the first damaged sequence or forbidden character.
  static func decode(_ bytes: [UInt8], file: String, limits: YAMLLimits) throws -> String {
    guard bytes.count <= limits.byteCount else {
      throw FatalDiagnostic(
        .limit, "the file is too large",
        at: SourceRange(file: file, start: .init(line: 1, column: 1)),
        .init(expected: "at most \(limits.byteCount) bytes", got: "\(bytes.count) bytes"))
    }
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    let body = hasMark ? bytes[3...] : bytes[...]
    var cursor = Cursor()
    var decoder = UTF8()
    var iterator = body.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .emptyInput: return String(decoding: body, as: UTF8.self)
      case .error:
        throw FatalDiagnostic(.syntax, "the file is not valid UTF-8", at: cursor.range(file))
      case .scalarValue(let scalar):
        if !isAllowed(scalar) {
          let digits = String(scalar.value, radix: 16, uppercase: true)
          let code = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
          throw FatalDiagnostic(
            .syntax, "control character U+\(code) is not allowed", at: cursor.range(file),
            .init(hint: "inside double quotes write it as an escape, such as \\x1B"))
        }
        cursor.advance(over: scalar)
      }
    }
  }

  /// The printable characters of the YAML specification.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xFEFE, 0xFF00...0xFFFD,
      0x10000...0x10FFFF:
      true
    default: false
    }
  }

  /// Finds tabs that separate or indent, which YAML's block style does not allow.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - scalars: The stretches of all scalars, as character offsets, in order.
  ///   - file: What messages call the file.
  /// - Returns: One error for each line with such a tab.
  static func tabs(in text: String, outside scalars: [Range<Int>], file: String) -> [Diagnostic] {
    var errors: [Diagnostic] = []
    var cursor = Cursor()
    var next = 0
    var inComment = false
    var lastErrorLine = 0
    var previous: Unicode.Scalar = "\n"
    for (offset, scalar) in text.unicodeScalars.enumerated() {
      while next < scalars.count, scalars[next].upperBound <= offset { next += 1 }
      let inScalar = next < scalars.count && scalars[next].contains(offset)
      if scalar == "\n" || scalar == "\r" { inComment = false }
      if scalar == "#", !inScalar, previous.properties.isWhitespace { inComment = true }
      if scalar == "\t", !inScalar, !inComment, cursor.position.line != lastErrorLine {
        lastErrorLine = cursor.position.line
        errors.append(tabError(at: cursor.range(file)))
      }
      previous = scalar
      cursor.advance(over: scalar)
    }
    return errors
  }

  static func tabError(at range: SourceRange) -> Diagnostic {
    Diagnostic(.syntax, "tab character outside of a text", at: range, .init(hint: "use spaces"))
  }
}

/// Counts lines and columns as YAML does.
struct Cursor {
  private(set) var position = SourcePosition(line: 1, column: 1)
  private var afterReturn = false

  func range(_ file: String) -> SourceRange { SourceRange(file: file, start: position) }

  mutating func advance(over scalar: Unicode.Scalar) {
    switch scalar {
    case "\n" where afterReturn: break
    case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}":
      position = SourcePosition(line: position.line + 1, column: 1)
    default: position.column += 1
    }
    afterReturn = scalar == "\r"
  }
}
