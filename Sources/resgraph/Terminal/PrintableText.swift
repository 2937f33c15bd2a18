/// Text of files and users, made fit to be shown on a terminal.
enum PrintableText {
  /// The most characters of a line that are shown.
  private static let longestLine = 2_000

  /// Spells out what a terminal would act on.
  ///
  /// That are control characters, and marks that turn the direction of the text around. Line feeds and
  /// tabs stay.
  static func escaped(_ text: String) -> String {
    // Most text is plain, and of that not a byte is looked at twice.
    guard text.utf8.contains(where: { $0 < 0x20 && $0 != 0x0A || $0 >= 0x7F }) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isShown(scalar) {
        result.append(scalar)
      } else {
        result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      }
    }
    return String(result)
  }

  /// A message: escaped, and with its long lines cut.
  static func message(_ text: String) -> String {
    escaped(text).split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard line.utf8.count > longestLine, line.count > longestLine else { return String(line) }
      return line.prefix(longestLine) + "... (\(line.count - longestLine) characters more)"
    }.joined(separator: "\n")
  }

  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\n" || scalar == "\t" { return true }
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate: return false
    case .format: return !turnsDirection(scalar)
    default: return true
    }
  }

  /// Whether it is an embedding, override or isolate of bidirectional text.
  ///
  /// Joiners, which emoji need, are not among them.
  private static func turnsDirection(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069, 0x61C: true
    default: false
    }
  }
}
