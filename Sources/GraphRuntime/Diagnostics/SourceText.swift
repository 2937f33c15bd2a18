/// A place in a text: line and column count from 1, columns in characters (Unicode scalars).
public struct SourcePosition: Sendable, Hashable, Codable, Comparable {
  /// The line, from 1.
  public var line: Int
  /// The column, from 1.
  public var column: Int

  /// Names a place.
  ///
  /// - Parameters:
  ///   - line: The line, from 1.
  ///   - column: The column, from 1.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Orders places as they are read.
  ///
  /// - Parameters:
  ///   - a: A place.
  ///   - b: Another.
  /// - Returns: Whether the first is before the second.
  public static func < (a: SourcePosition, b: SourcePosition) -> Bool {
    (a.line, a.column) < (b.line, b.column)
  }
}

/// A range of a source text.
public struct SourceRange: Sendable, Hashable, Codable {
  /// The text's name: a file name, or `<command line>`.
  public var file: String
  /// The first character.
  public var start: SourcePosition
  /// The place after the last character.
  public var end: SourcePosition

  /// Makes a range.
  ///
  /// - Parameters:
  ///   - file: The text's name.
  ///   - start: The first character.
  ///   - end: The place after the last character; the place after `start` when nil.
  public init(file: String, start: SourcePosition, end: SourcePosition? = nil) {
    self.file = file
    self.start = start
    self.end = end ?? SourcePosition(line: start.line, column: start.column + 1)
  }
}

/// A text to which positions refer: a graph file, a parameter file or the command line.
public struct SourceText: Sendable {
  /// The name in messages: a path, or `<command line>`.
  public let name: String
  /// The folder against which relative paths in it are resolved first, nil for the graph's own.
  public let folder: String?
  /// The text.
  public let text: String
  private let lines: [Substring]

  /// Takes a text.
  ///
  /// - Parameters:
  ///   - name: What messages call it.
  ///   - text: The text.
  ///   - folder: The folder against which relative paths in it are resolved first.
  public init(name: String, text: String, folder: String? = nil) {
    self.name = name
    self.text = text
    self.folder = folder
    lines = text.split(omittingEmptySubsequences: false, whereSeparator: isLineBreak)
  }

  /// One line of the text.
  ///
  /// - Parameter number: The line's number, from 1.
  /// - Returns: The line without its end, nil when there is no such line.
  public func line(_ number: Int) -> Substring? {
    lines.indices.contains(number - 1) ? lines[number - 1] : nil
  }
}

/// Whether a character is a line break of YAML.
///
/// A form feed is not.
private func isLineBreak(_ character: Character) -> Bool {
  switch character {
  case "\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
  default: false
  }
}
