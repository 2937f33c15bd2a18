import Foundation
import GraphRuntime
import Testing

/// A temporary folder that goes away with the object.
final class TestFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/resgraph-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    let folder = (file as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Foundation syncs every file it writes, which hundreds of test folders need not wait for.
    let handle = try #require(fopen(file, "w"))
    defer { fclose(handle) }
    try #require(fwrite(bytes, 1, bytes.count, handle) == bytes.count)
    return file
  }
}

enum TestFiles {
  static func read(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// Validates graphs written into a test, beside a few model files.
struct Harness {
  let folder: TestFolder
  let log = RunLog()
  let catalog: NodeCatalog
  var environment = RunEnvironment()

  init(types: [any NodeType.Type] = stubTypes) throws {
    folder = try TestFolder()
    try folder.write("small.model", "small alpha")
    try folder.write("large.model", "large beta")
    try folder.write("huge.model", "huge gamma")
    try folder.write("small.adapter", "small")
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
