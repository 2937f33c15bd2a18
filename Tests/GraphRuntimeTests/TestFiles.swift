import Foundation
import GraphRuntime
import TestSupport
import Testing

enum TestFiles {
  static func read(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// Validates graphs written into a test, beside a few model files.
struct Harness {
  let folder: TemporaryFolder
  let log = RunLog()
  let catalog: NodeCatalog
  var environment = RunEnvironment()

  init(types: [any NodeType.Type] = stubTypes) throws {
    folder = try TemporaryFolder()
    try folder.write("small alpha", to: "small.model")
    try folder.write("large beta", to: "large.model")
    try folder.write("huge gamma", to: "huge.model")
    try folder.write("small", to: "small.adapter")
    catalog = try NodeCatalog(types)
    environment.services.add(log)
  }

  func request(_ text: String, sets: [String] = [], targets: [String] = []) -> GraphRequest {
    GraphRequest(
      path: folder.path + "/graph.yaml", contents: Array(text.utf8), sets: sets, targets: targets)
  }

  func validate(
    _ text: String, sets: [String] = [], targets: [String] = []
  ) throws
    -> ValidatedGraph
  {
    try GraphValidator(catalog: catalog, environment: environment)
      .validate(request(text, sets: sets, targets: targets))
  }

  /// What the validator says about a graph, with the temporary folder left out of paths.
  func problems(_ text: String, sets: [String] = [], targets: [String] = []) -> String {
    do {
      return clean(try validate(text, sets: sets, targets: targets).diagnostics.description)
    } catch let diagnostics as Diagnostics {
      return clean(diagnostics.description)
    } catch {
      return "\(type(of: error)): \(error)"
    }
  }

  func clean(_ text: String) -> String {
    text.replacingOccurrences(of: folder.path + "/", with: "")
      .replacingOccurrences(of: folder.path, with: ".")
  }
}
