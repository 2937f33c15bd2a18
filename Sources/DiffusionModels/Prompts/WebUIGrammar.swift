/// The attention grammar of AUTOMATIC1111's web UI.
///
/// `(a)` counts 1.1 times, `[a]` 1/1.1 times, `(a:1.3)` 1.3 times; nesting multiplies. A backslash takes the meaning
/// from a bracket. A bracket that is never closed counts up to the end, one that was never opened is a character,
/// and so is a colon without a number behind it. `BREAK` ends a chunk.
struct WebUIGrammar {
  private var parts: [PromptPart] = []
  /// Where round and square brackets that are still open began.
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

  /// A bracket or backslash behind a backslash stands for itself; any other character leaves the backslash out.
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

  /// A weight, if there is a number and the bracket's end behind the colon; how many characters it takes.
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

  /// Makes a part of what was read, cut at `BREAK`s.
  private mutating func flush() {
    guard !pending.isEmpty else { return }
    for (index, piece) in Self.splitAtBreaks(pending).enumerated() {
      if index > 0 { parts.append(.chunkEnd) }
      parts.append(.text(piece, weight: 1))
    }
    pending = ""
  }

  /// `BREAK` as a word of its own, with the white space around it.
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

  /// Neighbours of equal weight are one part: words are not cut where it makes no difference.
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
  /// The first place where a word stands alone.
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
