/// A function and how many lines it takes, from its first line to its closing brace; lines of a
/// long text do not count.
struct FunctionSize {
  let name: String
  let lines: Int
}

extension SourceText {
  /// The functions and initialisers of Swift code.
  func functions() -> [FunctionSize] {
    var found: [FunctionSize] = []
    for (index, line) in code.enumerated() {
      guard let match = line.firstMatch(of: functionStart),
        !(line[..<match.range.lowerBound].last == "."),
        let end = bodyEnd(from: index, column: match.range.lowerBound)
      else { continue }
      let name = match.output.1.map(String.init) ?? "init"
      let count = (index...end).count { !isText($0) }
      found.append(FunctionSize(name: name, lines: count))
    }
    return found
  }

  /// Whether a line is part of a text that takes several lines.
  private func isText(_ index: Int) -> Bool {
    let line = lines[index].drop { $0 == " " }
    return !line.isEmpty && !line.hasPrefix("/") && code[index].allSatisfy { $0 == " " }
  }

  /// The line of the brace that closes the body of a declaration; nil when it has no body.
  private func bodyEnd(from start: Int, column: String.Index) -> Int? {
    var (parentheses, braces) = (0, 0)
    for line in start..<code.count {
      let text = line == start ? code[line][column...] : code[line][...]
      for character in text {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || braces > 0: braces += 1
        case "}":
          // A brace that nothing opened ends a protocol, in which declarations have no bodies.
          if braces == 0, parentheses == 0 { return nil }
          if braces > 0 {
            braces -= 1
            if braces == 0 { return line }
          }
        default: break
        }
      }
      if braces == 0, parentheses == 0, line + 1 < code.count, !continues(code[line + 1]) {
        return nil
      }
    }
    return nil
  }

  private func continues(_ line: String) -> Bool {
    let text = line.drop { $0 == " " }
    return ["{", "->", "throws", "rethrows", "async", "where", ")"].contains { text.hasPrefix($0) }
      || text.hasPrefix("T:")
  }
}

nonisolated(unsafe) private let functionStart = /\b(?:func ([^\s(<]+)|init[?]?(?=[(<]))/

/// The functions of Python code, which end where the indentation does.
func pythonFunctions(_ text: String) -> [FunctionSize] {
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  var isInText = false
  var open: [(name: String, start: Int, indent: Int)] = []
  var last = 0
  var found: [FunctionSize] = []
  for (index, line) in lines.enumerated() {
    let wasInText = isInText
    if line.matches(of: /"""/).count % 2 == 1 { isInText.toggle() }
    guard let first = line.firstIndex(where: { $0 != " " }) else { continue }
    let indent = line.distance(from: line.startIndex, to: first)
    while !wasInText, line[first] != ")", let function = open.last, indent <= function.indent {
      found.append(FunctionSize(name: function.name, lines: last - function.start + 1))
      open.removeLast()
    }
    if !wasInText, line[first...].hasPrefix("def ") {
      let name = line[first...].dropFirst(4).prefix { $0 != "(" }
      open.append((String(name), index, indent))
    }
    last = index
  }
  return found + open.map { FunctionSize(name: $0.name, lines: last - $0.start + 1) }
}
