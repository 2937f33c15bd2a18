import ResgraphFiles

/// The file name pattern of an output: `poster-{seed}-{index:04}`.
///
/// `{name}` stands for a parameter's value, and `{index}` for the number of the picture in its
/// batch. A doubled brace stands for a brace. The file is always inside the output folder.
public struct OutputPattern: Sendable, Hashable {
  /// A part of the pattern.
  enum Piece: Sendable, Hashable {
    case text(String)
    case param(String)
    case index(width: Int)
  }

  /// The reason why a pattern cannot be read.
  struct Problem: Error {
    let message: String
    var hint: String?
  }

  let pieces: [Piece]

  /// Reads a pattern.
  init(_ text: String, params: [String]) throws {
    var pieces: [Piece] = []
    var plain = ""
    var rest = text[...]
    while let character = rest.first {
      rest = rest.dropFirst()
      if character != "{" && character != "}" {
        plain.append(character)
      } else if rest.first == character {
        plain.append(character)
        rest = rest.dropFirst()
      } else {
        guard character == "{", let close = rest.firstIndex(of: "}") else {
          throw Problem(message: "a brace without its partner", hint: "write `{{` for a brace")
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        plain = ""
        pieces.append(try Self.placeholder(String(rest[..<close]), params: params))
        rest = rest[rest.index(after: close)...]
      }
    }
    if !plain.isEmpty { pieces.append(.text(plain)) }
    self.pieces = pieces
    try Self.checkPath(text)
  }

  private static func placeholder(_ name: String, params: [String]) throws -> Piece {
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
    if parts.first == "index" {
      if parts.count == 1 { return .index(width: 1) }
      if parts.count == 2, let width = Int(parts[1]), (1...9).contains(width) {
        return .index(width: width)
      }
      throw Problem(message: "`{\(name)}` is not a placeholder", hint: "write `{index:04}`")
    }
    if params.contains(name) { return .param(name) }
    throw Problem(
      message: "`{\(name)}` is not a parameter of the graph",
      hint: didYouMean(name, among: params + ["index"]))
  }

  private static func checkPath(_ text: String) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if text.isEmpty || text.hasPrefix("/") || text.utf8.contains(0)
      || parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." })
    {
      throw Problem(message: "an output's path must lie inside the output folder")
    }
  }

  /// The ending that is written out in the pattern, as `png` in `a-{seed}.png`; nil for none.
  ///
  /// What begins with a digit is no ending, as in `scale-0.5`.
  var ending: String? {
    guard case .text(let text)? = pieces.last, let dot = text.lastIndex(of: ".") else { return nil }
    let ending = text[text.index(after: dot)...]
    guard let first = ending.first, first.isLetter, ending.count <= 11,
      ending.allSatisfy({ $0.isLetter || $0.isNumber })
    else { return nil }
    return String(ending)
  }

  /// The names of the parameters in it.
  var params: [String] {
    pieces.compactMap { if case .param(let name) = $0 { name } else { nil } }
  }

  /// Fills in the placeholders.
  ///
  /// - Parameters:
  ///   - params: The parameters' values by name.
  ///   - index: The number of the picture in its batch.
  /// - Returns: A relative path; slashes and invisible controls inside values become underscores.
  public func expanded(params: [String: Literal], index: Int = 0) -> String {
    let path = pieces.map { piece in
      switch piece {
      case .text(let text): return text
      case .param(let name):
        let value = params[name].map(\.interpolated) ?? ""
        return String(String.UnicodeScalarView(value.unicodeScalars.map { Self.inName($0) }))
      case .index(let width):
        let digits = String(index)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
      }
    }.joined()
    // A value such as `..` would lead out of the output folder.
    return path.split(separator: "/").map { $0 == ".." || $0 == "." ? "_" : $0 }
      .joined(separator: "/")
  }
}

extension OutputPattern {
  /// A character of a value as it stands in a file's name.
  private static func inName(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: "_"
    default: scalar == "/" ? "_" : scalar
    }
  }
}

extension Literal {
  /// The value as it stands inside a text: strings without quotes.
  var interpolated: String {
    if case .string(let text) = self { return text }
    return description
  }
}
