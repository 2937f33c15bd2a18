/// A token that is recognised in the text as a whole, before any splitting.
struct AddedToken: Sendable, Equatable {
  var content: String
  /// Whether it counts only where no word goes on beside it.
  var singleWord = false
  /// Whether white space on its left, or right, belongs to it.
  var stripsLeft = false
  var stripsRight = false
  /// Whether it is looked for in the normalised text, and not in the text as typed.
  var normalized = false

  static let start = AddedToken(content: "<|startoftext|>")
  static let end = AddedToken(content: "<|endoftext|>")
}

/// Finds added tokens in text.
struct AddedTokenMatcher: Sendable {
  private struct Pattern: Sendable {
    let scalars: [UInt32]
    let token: AddedToken
    let id: Int
  }

  /// Plain text, or one added token.
  enum Segment: Equatable {
    case text([UInt32])
    case token(Int)
  }

  /// Patterns by first scalar, longest first.
  private var patterns: [UInt32: [Pattern]] = [:]

  /// - Parameters:
  ///   - tokens: Tokens with their ids; those of the other kind of text are left out by the caller.
  ///   - normalize: Whether the patterns themselves are normalised.
  init(_ tokens: [(token: AddedToken, id: Int)], normalize: Bool) {
    for (token, id) in tokens {
      let typed = token.content.unicodeScalars.map(\.value)
      let scalars = normalize ? TextNormalizer.normalize(typed) : typed
      guard let first = scalars.first else { continue }
      patterns[first, default: []].append(Pattern(scalars: scalars, token: token, id: id))
    }
    for key in patterns.keys { patterns[key]?.sort { $0.scalars.count > $1.scalars.count } }
  }

  /// Splits text at added tokens, from the left.
  ///
  /// Where several begin, the longest counts.
  func split(_ text: [UInt32]) -> [Segment] {
    if patterns.isEmpty { return text.isEmpty ? [] : [.text(text)] }
    var segments: [Segment] = []
    var plainStart = 0
    var position = 0
    while position < text.count {
      guard let pattern = match(text, position) else {
        position += 1
        continue
      }
      var range = position..<(position + pattern.scalars.count)
      position = range.upperBound
      if pattern.token.singleWord, !standsAlone(range, in: text) { continue }
      range = widened(range, for: pattern.token, in: text, notBefore: plainStart)
      if range.lowerBound > plainStart {
        segments.append(.text(Array(text[plainStart..<range.lowerBound])))
      }
      segments.append(.token(pattern.id))
      plainStart = range.upperBound
      position = max(position, plainStart)
    }
    if plainStart < text.count { segments.append(.text(Array(text[plainStart...]))) }
    return segments
  }

  private func match(_ text: [UInt32], _ position: Int) -> Pattern? {
    patterns[text[position]]?.first { text[position...].starts(with: $0.scalars) }
  }

  private func standsAlone(_ range: Range<Int>, in text: [UInt32]) -> Bool {
    let before = range.lowerBound > 0 && isWordCharacter(text[range.lowerBound - 1])
    let after = range.upperBound < text.count && isWordCharacter(text[range.upperBound])
    return !before && !after
  }

  private func isWordCharacter(_ value: UInt32) -> Bool {
    let tables = UnicodeTables.shared
    if tables.isLetter(value) || tables.isNumber(value) || value == 0x5F { return true }
    guard let properties = Unicode.Scalar(value)?.properties else { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation: return true
    default: return properties.isJoinControl
    }
  }

  private func widened(
    _ range: Range<Int>, for token: AddedToken, in text: [UInt32], notBefore limit: Int
  ) -> Range<Int> {
    let tables = UnicodeTables.shared
    var (lower, upper) = (range.lowerBound, range.upperBound)
    if token.stripsLeft {
      while lower > limit, tables.isSpace(text[lower - 1]) { lower -= 1 }
    }
    if token.stripsRight {
      while upper < text.count, tables.isSpace(text[upper]) { upper += 1 }
    }
    return lower..<upper
  }
}
