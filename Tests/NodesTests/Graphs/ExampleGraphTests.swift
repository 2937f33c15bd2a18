import Foundation
import GraphRuntime
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// The graphs that come with the engine are valid as they are, and draw pictures on the demo model.
@Suite struct ExampleGraphTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "graphs").resolvingSymlinksInPath()

  /// All graphs, by their paths from the folder.
  private static let names =
    (FileManager.default.enumerator(atPath: folder.path())?.compactMap { $0 as? String } ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted()

  @Test func thereAreGraphs() {
    for name in ["text-to-image.yaml", "inpaint.yaml", "resadapter/t2i_adapter.yaml"] {
      #expect(Self.names.contains(name))
    }
    #expect(Self.names.count >= 20)
  }

  @Test(arguments: names)
  func everyGraphIsValid(_ name: String) throws {
    let path = Self.folder.appending(path: name).path()
    let valid = try Engine().validator.validate(GraphRequest(path: path))
    #expect(!valid.outputs.isEmpty)
  }

  /// The first picture that anybody sees, made by tools/goldens/demo_make.py with diffusers.
  @Test func makeRunDrawsWhatDiffusersDraws() throws {
    let path = Self.folder.appending(path: "text-to-image.yaml").path()
    let plan = try Planner().plan(Engine().validator.validate(GraphRequest(path: path)))
    let value = try Executor().run(plan).values["picture"]?["image"]
    let found = try #require(value as? ImageValue).tensor.floats().map { PixelImage.byte($0) }
    var load = ImageLoad()
    load.path = InputPath(DemoCase.folder.appending(path: "make_run.png").path())
    try load.run(NodeContext(nodeID: "load"))
    let expected = load.image.tensor.floats().map { PixelImage.byte($0) }
    #expect(found.count == expected.count)
    let differing = zip(found, expected).filter { $0 != $1 }
    #expect(differing.count * 1_000 <= expected.count, "\(differing.count) values differ")
    #expect(differing.allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }

  /// Three steps instead of many: not the picture that is meant, but every node has worked.
  @Test(.slow, arguments: names)
  func everyGraphDraws(_ name: String) throws {
    let path = Self.folder.appending(path: name).path()
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let short =
      text
      .replacing(/\bsteps: *\d+/, with: "steps: 3")
      .replacing(/(\bsteps: *\{type: int, default: )\d+/) { "\($0.1)3" }
    #expect(short != text, "the graph's steps are not found")
    let valid = try Engine().validator.validate(
      GraphRequest(path: path, contents: Array(short.utf8)))
    let summary = try Executor().run(Planner().plan(valid))
    for output in valid.outputs {
      let value = summary.values[output.node]?[output.port]
      let picture = try #require(value as? ImageValue, "\(output.name)").tensor
      let numbers = picture.floats()
      #expect(numbers.allSatisfy { (0...1).contains($0) })
      #expect(Set(numbers).count > 100, "\(output.name) shows nothing")
    }
  }
}
