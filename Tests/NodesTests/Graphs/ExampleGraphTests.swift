import Foundation
import GraphRuntime
import Testing

@testable import Nodes

/// The graphs that come with the engine are valid as they are, on the demo model.
@Suite struct ExampleGraphTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "graphs")

  private static let names = ["", "resadapter/"].flatMap { part in
    ((try? FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: part).path())) ?? [])
      .filter { $0.hasSuffix(".yaml") }.sorted().map { part + $0 }
  }

  @Test(arguments: names)
  func everyGraphIsValid(_ name: String) throws {
    let path = Self.folder.appending(path: name).path()
    let valid = try Engine().validator.validate(GraphRequest(path: path))
    #expect(!valid.outputs.isEmpty)
  }

  @Test func thereAreGraphs() {
    #expect(Self.names.contains("text-to-image.yaml"))
    #expect(Self.names.contains("inpaint.yaml"))
    #expect(Self.names.contains("resadapter/t2i_adapter.yaml"))
  }
}
