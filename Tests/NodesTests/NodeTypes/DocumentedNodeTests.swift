import Foundation
import GraphRuntime
import TensorRuntime
import Testing

@testable import Resgraph

// The example of the documentation begins here.
/// Makes a picture darker or lighter.
struct Brightness: NodeType {
  static let summary = "Multiplies a picture's values."
  @Input("Picture") var image: ImageValue
  @Param("1 leaves the picture as it is", min: 0, max: 4) var factor = 1.0
  @Output("Picture of the same size", name: "image") var result: ImageValue
  init() {}
  mutating func run(_ context: NodeContext) throws {
    result = ImageValue((image.tensor * Float(factor)).clamped(to: 0...1))
  }
}
// The example of the documentation ends here.

/// The node type that the documentation shows works as it stands there.
@Suite struct DocumentedNodeTests {
  @Test func theDocumentationShowsThisNode() throws {
    let lines = try String(contentsOfFile: #filePath, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    let begin = try #require(lines.firstIndex { $0.hasPrefix("// The example of") })
    let end = try #require(lines.lastIndex { $0.hasPrefix("// The example of") })
    let example = lines[(begin + 1)..<end].joined(separator: "\n")
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let pages = try ["README.md", "CONTRIBUTING.md"].map { root.appending(path: $0) }.filter {
      FileManager.default.fileExists(atPath: $0.path())
    }.map { try String(contentsOf: $0, encoding: .utf8) }
    #expect(pages.contains { $0.contains(example) })
  }

  @Test func itMultipliesAPicture() throws {
    var node = Brightness()
    node.image = ImageValue(Tensor([0.25, 0.5, 1], shape: [1, 3, 1, 1]))
    node.factor = 1.5
    try node.run(NodeContext(nodeID: "node"))
    #expect(node.result.tensor.floats() == [0.375, 0.75, 1])
    #expect(try NodeCatalog([Brightness.self]).schema(named: "Brightness") != nil)
  }
}
