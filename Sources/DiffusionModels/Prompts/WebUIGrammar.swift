/// The attention grammar of AUTOMATIC1111's web UI.
///
/// `(a)` counts 1.1 times, `[a]` 1/1.1 times, `(a:1.3)` 1.3 times; nesting multiplies. A bracket
/// after a backslash stands for itself. A bracket that is never closed reaches to the end of the
/// prompt. A closing bracket without an opening one, and a colon without a number after it, are
/// ordinary characters. `BREAK` ends a chunk.
struct WebUIGrammar {
  private var parts: [PromptPart] = []
  /// The places of the round and square brackets that are still open.
  private var round: [Int] = []
  private var square: [Int] = []
  private var pending = ""

  /// Reads a prompt.
  static func parts(of prompt: String) -> [PromptPart] {
    var grammar = WebUIGrammar()
    grammar.read(Array(prompt))
    return grammar.merged
  }

  private static let up = 1.1
  private static let down = 1 / 1.1

  private mutating func read(_ characters: [Character]) {
    var index = 0
    while index < characters.count {
      let character = characters[index]
      index += 1
      switch character {
      case "\\": index += escape(characters[index...])
      case "(": open(\.round)
      case "[": open(\.square)
      case ")": if !close(\.round, Self.up) { pending.append(")") }
      case "]": if !close(\.square, Self.down) { pending.append("]") }
      case ":": index += colon(characters[index...])
      default: pending.append(character)
      }
    }
    flush()
    for start in round { multiply(from: start, by: Self.up) }
    for start in square { multiply(from: start, by: Self.down) }
  }

  /// Reads the character after a backslash.
  ///
  /// A bracket or backslash stands for itself; before any other character the backslash is left
  /// out.
  private mutating func escape(_ rest: ArraySlice<Character>) -> Int {
    guard let next = rest.first, "()[]\\".contains(next) else { return 0 }
    pending.append(next)
    return 1
  }

  private mutating func open(_ stack: WritableKeyPath<Self, [Int]>) {
    flush()
    self[keyPath: stack].append(parts.count)
  }

  private mutating func close(_ stack: WritableKeyPath<Self, [Int]>, _ factor: Double) -> Bool {
    guard let start = self[keyPath: stack].popLast() else { return false }
    flush()
    multiply(from: start, by: factor)
    return true
  }

  /// Reads a weight, if a number and the closing bracket follow the colon, and returns its length
  /// in characters.
  private mutating func colon(_ rest: ArraySlice<Character>) -> Int {
    let number = rest.prefix { $0 != ")" }
    guard let start = round.last, number.count < rest.count,
      number.allSatisfy({ $0.isWhitespace || $0.isASCII && ($0.isNumber || "+-.".contains($0)) }),
      let weight = promptWeight(String(number))
    else {
      pending.append(":")
      return 0
    }
    round.removeLast()
    flush()
    multiply(from: start, by: weight)
    return number.count + 1
  }

  private mutating func multiply(from start: Int, by factor: Double) {
    for index in start..<parts.count {
      if case .text(let text, let weight) = parts[index] {
        parts[index] = .text(text, weight: weight * factor)
      }
    }
  }

  /// Adds the text so far as a part, split at each `BREAK`.
  private mutating func flush() {
    guard !pending.isEmpty else { return }
    for (index, piece) in Self.splitAtBreaks(pending).enumerated() {
      if index > 0 { parts.append(.chunkEnd) }
      parts.append(.text(piece, weight: 1))
    }
    pending = ""
  }

  /// Splits a text at each word `BREAK`, with the white space around it.
  private static func splitAtBreaks(_ text: String) -> [String] {
    var pieces: [String] = []
    var rest = text[...]
    var searched = rest.startIndex
    while let found = rest[searched...].range(ofWord: "BREAK") {
      var before = rest[..<found.lowerBound]
      while before.last?.isWhitespace == true { before.removeLast() }
      pieces.append(String(before))
      rest = rest[found.upperBound...].drop { $0.isWhitespace }
      searched = rest.startIndex
    }
    return pieces + [String(rest)]
  }

  /// The parts, with neighbours of equal weight joined, so that words are not split needlessly.
  private var merged: [PromptPart] {
    parts.reduce(into: []) { result, part in
      if case .text(let text, let weight) = part, case .text(let other, weight)? = result.last {
        result[result.count - 1] = .text(other + text, weight: weight)
      } else {
        result.append(part)
      }
    }
  }
}

extension Substring {
  /// The first place at which a word stands by itself.
  fileprivate func range(ofWord word: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(word) {
        let end = index(start, offsetBy: word.count)
        let isFirst = start == startIndex || !self[index(before: start)].isWordPart
        if isFirst, end == endIndex || !self[end].isWordPart { return start..<end }
      }
      start = index(after: start)
    }
    return nil
  }
}

extension Character {
  fileprivate var isWordPart: Bool { isLetter || isNumber || self == "_" }
}
