import Foundation
import Testing

/// The JSON Schema beside the example graphs, which editors read.
@Suite struct SchemaFileTests {
  private static let graphs = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "graphs")

  @Test func theCommittedSchemaIsTheProgramsOwn() throws {
    let own = try Command().run("schema").output
    let committed = try String(
      contentsOf: Self.graphs.appending(path: "schema.json"), encoding: .utf8)
    #expect(own == committed, "update it with: resgraph schema > graphs/schema.json")
  }

  @Test func everyGraphNamesItOnItsFirstLine() throws {
    let names =
      FileManager.default.enumerator(atPath: Self.graphs.path())?
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".yaml") } ?? []
    #expect(names.count >= 20)
    for name in names {
      let text = try String(contentsOf: Self.graphs.appending(path: name), encoding: .utf8)
      let way = String(repeating: "../", count: name.split(separator: "/").count - 1)
      #expect(
        text.hasPrefix("# yaml-language-server: $schema=\(way)schema.json\n"), "\(name)")
    }
  }
}
