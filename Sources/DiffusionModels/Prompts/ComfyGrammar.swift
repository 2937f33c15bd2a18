/// ComfyUI's attention grammar.
///
/// `(a)` counts 1.1 times, and nested brackets multiply; `(a:1.3)` counts 1.3 times whatever is
/// around it. `\(` and `\)` stand for the brackets themselves. Brackets without a partner, square
/// brackets, and a colon without a number after it are ordinary characters.
struct ComfyGrammar {
  /// A character, and whether a backslash made it an ordinary one.
  private struct Letter {
    let character: Character
    let isEscaped: Bool

    /// Whether this is a given bracket or colon that is not escaped.
    func means(_ mark: Character) -> Bool { !isEscaped && character == mark }
  }

  /// Reads a prompt.
  static func parts(of prompt: String) -> [PromptPart] {
    var letters: [Letter] = []
    var source = prompt[...]
    while let character = source.popFirst() {
      if character == "\\", let next = source.first, next == "(" || next == ")" {
        letters.append(Letter(character: next, isEscaped: true))
        source.removeFirst()
      } else {
        letters.append(Letter(character: character, isEscaped: false))
      }
    }
    var parts: [PromptPart] = []
    collect(letters[...], weight: 1, depth: 0, into: &parts)
    return parts
  }

  /// The depth from which nested brackets are ordinary characters, so that no prompt can exhaust
  /// the stack.
  private static let maximumDepth = 100

  private static func collect(
    _ text: ArraySlice<Letter>, weight: Double, depth: Int, into parts: inout [PromptPart]
  ) {
    for group in groups(text) {
      guard depth < maximumDepth, let first = group.first, let last = group.last,
        group.count >= 2, first.means("("), last.means(")")
      else {
        parts.append(.text(String(group.map(\.character)), weight: weight))
        continue
      }
      var inner = group.dropFirst().dropLast()
      var own = weight * 1.1
      if let colon = inner.lastIndex(where: { $0.means(":") }), colon > inner.startIndex,
        let number = promptWeight(String(inner[(colon + 1)...].map(\.character)))
      {
        own = number
        inner = inner[..<colon]
      }
      collect(inner, weight: own, depth: depth + 1, into: &parts)
    }
  }

  /// Splits a text into its outermost brackets and the parts between them.
  private static func groups(_ text: ArraySlice<Letter>) -> [ArraySlice<Letter>] {
    var groups: [ArraySlice<Letter>] = []
    var start = text.startIndex
    var depth = 0
    for index in text.indices {
      if text[index].means("(") {
        if depth == 0, start < index {
          groups.append(text[start..<index])
          start = index
        }
        depth += 1
      } else if text[index].means(")") {
        depth -= 1
        if depth == 0 {
          groups.append(text[start...index])
          start = index + 1
        }
      }
    }
    if start < text.endIndex { groups.append(text[start...]) }
    return groups
  }
}
