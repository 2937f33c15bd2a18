import ResgraphFiles

/// The arguments with values as a text with one line for each, to which the positions of errors
/// refer.
struct CommandLineText {
  static let name = "<command line>"
  private var lines: [String] = []

  /// An argument of the form `name=value`, with places.
  struct Assignment {
    let name: String
    var value: String
    let nameRange: SourceRange
    let valueRange: SourceRange

    /// Whether the name is of a node's port, as in `nodes.NODE.PORT`, and not of a parameter.
    var namesPort: Bool { name.hasPrefix("nodes.") }
  }

  var source: SourceText {
    SourceText(name: Self.name, text: lines.joined(separator: "\n"), folder: ".")
  }

  /// Adds an argument.
  ///
  /// - Parameters:
  ///   - flag: The flag, such as `--set`.
  ///   - argument: What follows it.
  /// - Returns: Where the argument stands.
  mutating func add(_ flag: String, _ argument: String) -> SourceRange {
    // A line break inside a value would move the lines after it.
    lines.append("\(flag) " + argument.map { $0.isNewline ? " " : String($0) }.joined())
    return range(from: flag.count + 1, count: argument.unicodeScalars.count)
  }

  /// Adds an argument of the form `name=value`.
  ///
  /// - Parameters:
  ///   - flag: The flag, such as `--set`.
  ///   - argument: What follows it.
  /// - Returns: Its parts; an error when there is no equals sign.
  mutating func addAssignment(
    _ flag: String, _ argument: String
  ) -> Result<Assignment, FatalDiagnostic> {
    let whole = add(flag, argument)
    guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else {
      return .failure(
        FatalDiagnostic(
          .syntax, "`\(flag)` takes a name and a value", at: whole,
          .init(expected: "`\(flag) name=value`", got: quoted(argument), status: .usage)))
    }
    let name = argument[..<equals]
    let value = argument[argument.index(after: equals)...]
    let nameCount = name.unicodeScalars.count
    return .success(
      Assignment(
        name: String(name), value: String(value),
        nameRange: range(from: flag.count + 1, count: nameCount),
        valueRange: range(
          from: flag.count + 2 + nameCount, count: max(1, value.unicodeScalars.count))))
  }

  private func range(from column: Int, count: Int) -> SourceRange {
    let start = SourcePosition(line: lines.count, column: column + 1)
    return SourceRange(
      file: Self.name, start: start, end: .init(line: start.line, column: start.column + count))
  }
}
