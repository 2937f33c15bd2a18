import ResgraphFiles

/// What a finished run left in the cache folder.
package struct RunRecord: Sendable {
  /// Its name: the moment at which it began, and a number.
  package let name: String
  /// What is known of the whole run.
  package let header: JSONValue
  /// Its events, in order.
  package let events: [JSONValue]

  /// No record is longer.
  private static let longest = 64 << 20

  /// Reads a record.
  ///
  /// - Parameters:
  ///   - root: The cache folder.
  ///   - name: The record's name.
  /// - Throws: `FileError` when there is none; `JSONError` when it is damaged.
  package init(root: String, name: String) throws {
    let path = "\(RunRecorder.folder(root))/\(fileName(of: name)).jsonl"
    let text = String(
      decoding: try FileReader.bytes(path, limit: Self.longest), as: UTF8.self)
    var lines = try text.split(separator: "\n").map { try JSONValue.parse(String($0)) }
    guard !lines.isEmpty else { throw FileError("read", path, .changed) }
    self.name = name
    header = lines.removeFirst()
    events = lines
  }

  /// The names of all records, the newest first.
  package static func names(root: String) -> [String] {
    let names = (try? FileReader.names(inFolder: RunRecorder.folder(root))) ?? []
    return names.filter { $0.hasSuffix(".jsonl") && !$0.hasPrefix(".") }
      .map { String($0.dropLast(6)) }.sorted(by: >)
  }

  /// The graph's name.
  package var graph: String { header.string("graph") ?? "?" }
  /// When it began, in seconds since 1970.
  package var started: Double { (header.double("started_ms") ?? 0) / 1_000 }
  /// The parameters' values in words.
  package var params: [String: String] {
    header["params"]?.objectValue?.compactMapValues(\.stringValue) ?? [:]
  }
  /// The event with which it ended.
  package var end: JSONValue? { events.first { $0.string("event") == "run.end" } }
  /// How long it took.
  package var seconds: Double { end?.double("seconds") ?? 0 }

  /// What became of the nodes, by name: the event that says so.
  package var nodes: [(name: String, event: JSONValue)] {
    events.compactMap { event in
      guard let node = event.string("node"),
        ["node.done", "node.hit"].contains(event.string("event")),
        event.string("source") != "validation"
      else { return nil }
      return (node, event)
    }
  }
}
