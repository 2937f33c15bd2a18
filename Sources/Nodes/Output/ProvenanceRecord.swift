import GraphRuntime
import ResgraphFiles
import ResgraphWeights

/// The record that a picture carries: the graph with all values of the run, the engine's version,
/// and the digests of the files that were read.
///
/// The text is a graph file in JSON, and can be run as it is. Version and digests stand under its
/// free key `x-resgraph`.
struct ProvenanceRecord: Sendable {
  /// The text that a picture carries.
  let text: String
  /// The folder that the graph's relative paths started from, relative to the picture's own folder,
  /// so that both can be moved together; nil when the text does not say.
  let folder: String?

  /// Makes the record of a graph's outputs.
  ///
  /// It reads every file that the graph names once.
  ///
  /// - Parameters:
  ///   - graph: The graph that ran.
  ///   - folder: The folder that its relative paths start from, relative to the picture's folder.
  ///   - version: The engine's version.
  /// - Throws: `FileError` when a file cannot be read any more.
  init(_ graph: ValidatedGraph, folder: String, version: String) throws {
    let files = graph.environment.files
    let token = graph.environment.cancellation
    var digests: [String: JSONValue] = [:]
    for node in graph.nodes {
      for param in node.schema.params where param.kind == .path {
        guard case .literal(.string(let path), let origin)? = node.bindings[param.name] else {
          continue
        }
        let file = try files.seen(from: origin.folder).existing(path)
        digests[path] = .string(
          try FileDigester.checking(token.check) { try files.digest(file) })
      }
    }
    let facts: JSONValue = [
      "engine": .string(version), "folder": .string(folder), "sha256": .object(digests),
    ]
    let document = graph.resolvedDocument
    let separator = document == "{}" ? "" : ","
    text =
      document.dropLast() + "\(separator)\"\(ValidatedGraph.recordKey)\":\(facts.canonicalText())}"
    self.folder = folder
  }

  /// Takes the text found in a picture.
  ///
  /// - Parameter text: The text; whether it is a valid graph is found when it is validated.
  init(text: String) {
    self.text = text
    let document = try? JSONValue.parse(text)
    folder = document?[ValidatedGraph.recordKey]?.string("folder")
  }
}
