/// Swift code with comments and texts blanked out, so that braces and names can be counted.
struct SourceText {
  /// The file as it is, line by line.
  let lines: [String]
  /// The code alone, line by line; what was a comment or a text is spaces.
  let code: [String]

  init(_ text: String) {
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var scanner = CodeScanner(Array(text.utf8))
    code = String(decoding: scanner.blanked(), as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// How many more braces a line of code opens than it closes.
  static func braces(_ line: String) -> Int {
    line.utf8.reduce(0) { $1 == UInt8(ascii: "{") ? $0 + 1 : $1 == UInt8(ascii: "}") ? $0 - 1 : $0 }
  }
}

/// Walks through Swift code and blanks comments and texts out; newlines stay.
private struct CodeScanner {
  private let bytes: [UInt8]
  private var result: [UInt8] = []
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func blanked() -> [UInt8] {
    while place < bytes.count { step() }
    return result
  }

  private func sees(_ text: StaticString, at offset: Int = 0) -> Bool {
    let start = place + offset
    guard start + text.utf8CodeUnitCount <= bytes.count else { return false }
    return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[start + $0] == text.utf8Start[$0] }
  }

  private mutating func blank(_ count: Int = 1) {
    for byte in bytes[place..<min(place + count, bytes.count)] {
      result.append(byte == 10 ? 10 : 32)
    }
    place += count
  }

  private mutating func step() {
    if sees("//") {
      while place < bytes.count, bytes[place] != 10 { blank() }
    } else if sees("/*") {
      skipComment()
    } else if let hashes = hashesBeforeQuote() {
      skipText(hashes)
    } else {
      result.append(bytes[place])
      place += 1
    }
  }

  private mutating func skipComment() {
    var depth = 0
    repeat {
      if sees("/*") { depth += 1 } else if sees("*/") { depth -= 1 }
      blank(sees("/*") || sees("*/") ? 2 : 1)
    } while depth > 0 && place < bytes.count
  }

  /// How many `#` stand before the quotation mark that begins here; nil when no text begins here.
  private func hashesBeforeQuote() -> Int? {
    var count = 0
    while sees("#", at: count) { count += 1 }
    return sees("\"", at: count) ? count : nil
  }

  private mutating func skipText(_ hashes: Int) {
    blank(hashes)
    let quotes = sees("\"\"\"") ? 3 : 1
    blank(quotes)
    while place < bytes.count {
      if endsText(quotes, hashes) { return blank(quotes + hashes) }
      if sees("\\"), (0..<hashes).allSatisfy({ sees("#", at: 1 + $0) }) {
        let isInterpolation = sees("(", at: 1 + hashes)
        blank(2 + hashes)
        if isInterpolation { skipInterpolation() }
      } else {
        blank()
      }
    }
  }

  private func endsText(_ quotes: Int, _ hashes: Int) -> Bool {
    (0..<quotes).allSatisfy { sees("\"", at: $0) }
      && (0..<hashes).allSatisfy { sees("#", at: quotes + $0) }
  }

  private mutating func skipInterpolation() {
    var depth = 1
    while depth > 0, place < bytes.count {
      if let hashes = hashesBeforeQuote() {
        skipText(hashes)
        continue
      }
      if sees("(") { depth += 1 } else if sees(")") { depth -= 1 }
      blank()
    }
  }
}
