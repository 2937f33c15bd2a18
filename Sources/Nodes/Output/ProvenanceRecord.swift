import GraphRuntime
import ResgraphFiles
import ResgraphWeights

/// The record that a picture carries: the graph with all values of the run, the engine's version,
/// and the digests of the files that were read.
///
/// The text is a graph file in JSON, and can be run as it is. Version and digests stand under its
/// free key `x-resgraph`.
struct ProvenanceRecord: Sendable {
  /// The graph as one line of JSON.
  private let document: String
  private let version: String
  private let digests: [String: JSONValue]

  /// Makes the record of a graph's outputs.
  ///
  /// It reads every file that the graph names once.
  ///
  /// - Parameters:
  ///   - graph: The graph that ran.
  ///   - version: The engine's version.
  /// - Throws: `FileError` when a file cannot be read any more.
  init(_ graph: ValidatedGraph, version: String) throws {
    let files = graph.environment.files
    let token = graph.environment.cancellation
    var digests: [String: JSONValue] = [:]
    for node in graph.nodes {
      for param in node.schema.params where param.kind == .path {
        guard case .literal(.string(let path), let origin)? = node.bindings[param.name] else {
          continue
        }
        let file = try files.seen(from: origin.folder).existing(path)
        digests[graph.recordedPath(path, from: origin)] = .string(
          try FileDigester.checking(token.check) { try files.digest(file) })
      }
    }
    self.digests = digests
    self.version = version
    document = graph.resolvedDocument
  }

  /// The text that a picture carries.
  ///
  /// - Parameter folder: The folder that the graph's relative paths start from, relative to the
  ///   picture's folder, so that both can be moved together.
  /// - Returns: A graph file.
  func text(folder: String) -> String {
    let facts: JSONValue = [
      "engine": .string(version), "folder": .string(folder), "sha256": .object(digests),
    ]
    let separator = document == "{}" ? "" : ","
    let record = "\"\(ValidatedGraph.recordKey)\":\(facts.canonicalText())"
    return document.dropLast() + "\(separator)\(record)}"
  }

  /// Reads the folder from a text found in a picture.
  ///
  /// - Parameter text: The text; whether it is a valid graph is found when it is validated.
  /// - Returns: What `text(folder:)` was given; nil when the text names no folder.
  static func folder(in text: String) -> String? {
    (try? JSONValue.parse(text))?[ValidatedGraph.recordKey]?.string("folder")
  }
}
