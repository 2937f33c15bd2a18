import ResgraphFiles

/// Checks of plain values against kinds.
enum ParamTyping {
  private struct NoFiles: PathResolving {
    func existing(_ path: String) throws -> String { path }
    func writable(_ path: String) -> String { path }
  }

  /// Checks a value of a graph parameter and gives it its canonical form.
  ///
  /// - Parameters:
  ///   - literal: The value.
  ///   - kind: The declared kind.
  /// - Returns: The value; a whole number given for a float becomes a float.
  /// - Throws: `ValueMismatch` when it is of another kind.
  static func check(_ literal: Literal, kind: ParamKind) throws -> Literal {
    let files = NoFiles()
    switch kind {
    case .int: return try Int(literal: literal, paths: files).literal
    case .float: return try Double(literal: literal, paths: files).literal
    case .bool: return try Bool(literal: literal, paths: files).literal
    case .seed:
      return literal == randomWord ? literal : try Seed(literal: literal, paths: files).literal
    case .path: return try InputPath(literal: literal, paths: files).literal
    default: return try String(literal: literal, paths: files).literal
    }
  }

  /// Checks a value against a list of allowed ones.
  ///
  /// - Parameters:
  ///   - literal: The value.
  ///   - choices: The allowed values, empty for any.
  /// - Throws: `ValueMismatch` when the value is not among them.
  static func check(_ literal: Literal, among choices: [Literal]) throws {
    guard !choices.isEmpty, !choices.contains(literal) else { return }
    // A whole number among the choices of a float stands for the float.
    if case .float(let value) = literal, choices.contains(where: { $0.number == value }) { return }
    let words = choices.map { if case .string(let word) = $0 { word } else { $0.description } }
    var hint: String?
    if case .string(let word) = literal { hint = didYouMean(word, among: words) }
    throw ValueMismatch(
      .notAChoice, expected: ParamKind.choice(words).description, got: literal.summary, hint: hint)
  }

  static let randomWord = Literal.string("random")

  /// Replaces the word `random` of a seed by a number.
  ///
  /// - Parameters:
  ///   - literal: A checked value.
  ///   - kind: Its kind.
  /// - Returns: The value, with a number drawn once if it was `random`.
  static func resolveRandomSeed(_ literal: Literal, kind: ParamKind) -> Literal {
    guard kind == .seed, literal == randomWord else { return literal }
    return .int(Int128(UInt64.random(in: 0 ... .max)))
  }
}

extension Literal {
  /// The value of a number.
  fileprivate var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }
}
