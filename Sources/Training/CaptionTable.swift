import ResgraphFiles

/// The rows of a `metadata.jsonl` or `metadata.csv`: texts by column.
struct CaptionTable: Sendable {
  let path: String
  let rows: [[String: String]]

  /// Reads a table; nil when there is none at `path`.
  ///
  /// - Throws: `TrainingError.badData` with the line of what is wrong.
  init?(path: String) throws {
    guard let text = try Self.text(path) else { return nil }
    self.path = path
    rows = path.hasSuffix(".csv") ? try Self.csv(text, path) : try Self.lines(text, path)
  }

  /// The text of a file of captions; nil when there is none at `path`.
  ///
  /// - Throws: `TrainingError.badData` when it cannot be read or is not UTF-8.
  static func text(_ path: String) throws -> String? {
    guard FileStatus(path: path) != nil else { return nil }
    let bytes: [UInt8]
    do {
      bytes = try FileReader.bytes(path, limit: longest)
    } catch {
      throw TrainingError.badData(path: path, reason: error.explanation)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw TrainingError.badData(path: path, reason: "it is not UTF-8")
    }
    return text
  }

  /// No file of captions is longer.
  private static let longest = 256 << 20

  private static func lines(_ text: String, _ path: String) throws -> [[String: String]] {
    var rows: [[String: String]] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      guard line.contains(where: { !$0.isWhitespace }) else { continue }
      guard let members = (try? JSONValue.parse(String(line)))?.objectValue else {
        throw TrainingError.badData(path: path, reason: "line \(index + 1) is not a JSON object")
      }
      rows.append(members.compactMapValues(\.stringValue))
    }
    return rows
  }

  /// Reads comma-separated values: fields in quotes may hold commas, line ends and doubled quotes.
  private static func csv(_ text: String, _ path: String) throws -> [[String: String]] {
    var records: [[String]] = []
    var record: [String] = []
    var field = ""
    var isQuoted = false
    var characters = text.unicodeScalars.makeIterator()
    var next = characters.next()
    while let character = next {
      next = characters.next()
      switch (character, isQuoted) {
      case ("\"", true) where next == "\"":
        field.append("\"")
        next = characters.next()
      case ("\"", _): isQuoted.toggle()
      case (",", false):
        record.append(field)
        field = ""
      case ("\r", false): continue
      case ("\n", false):
        records.append(record + [field])
        (record, field) = ([], "")
      default: field.unicodeScalars.append(character)
      }
    }
    if isQuoted { throw TrainingError.badData(path: path, reason: "a quote is not closed") }
    if !field.isEmpty || !record.isEmpty { records.append(record + [field]) }
    guard let header = records.first else { return [] }
    return try records.enumerated().dropFirst().compactMap { index, fields in
      if fields == [""] { return nil }
      guard fields.count == header.count else {
        throw TrainingError.badData(
          path: path,
          reason: "row \(index + 1) has \(fields.count) fields where the first has \(header.count)")
      }
      return Dictionary(zip(header, fields)) { $1 }
    }
  }
}
