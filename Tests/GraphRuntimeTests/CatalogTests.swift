import Foundation
import ResgraphFiles
import Testing

@testable import GraphRuntime

private struct WithStray: NodeType {
  static let summary = "Keeps state."
  @Output("A number") var number: Number
  var counter = 0
  mutating func run(_ context: NodeContext) throws {}
}

private struct Twice: NodeType {
  static let summary = "Has two ports of one name."
  @Param("One") var value = 1
  @Param("Two", name: "value") var other = 2
  @Output("A number") var number: Number
  mutating func run(_ context: NodeContext) throws {}
}

private struct Controlled: NodeType {
  static let summary = "Takes a control key's name."
  @Param("One") var cache = 1
  @Output("A number") var number: Number
  mutating func run(_ context: NodeContext) throws {}
}

private struct BadFamily: NodeType {
  static let summary = "Refers to no port."
  @Output("A model", family: .same(as: "unet")) var model: StubModel
  mutating func run(_ context: NodeContext) throws {}
}

private struct BadDefault: NodeType {
  static let summary = "Has a default out of range."
  @Param("One", min: 2) var value = 1
  @Output("A number") var number: Number
  mutating func run(_ context: NodeContext) throws {}
}

private struct NoOutput: NodeType {
  static let summary = "Makes nothing."
  mutating func run(_ context: NodeContext) throws {}
}

@Suite("Node declarations")
struct CatalogTests {
  @Test(arguments: [
    ("WithStray", "stored property `counter` is not a port"),
    ("Twice", "two ports are named `value`"),
    ("Controlled", "port `cache` has the name of a control key"),
    ("BadFamily", "port `model` takes its family from `unet`, which is no input"),
    ("BadDefault", "the default of `value` is out of its range"), ("NoOutput", "it has no output"),
  ]) func unsoundOnesAreRefused(_ name: String, _ problem: String) {
    let types: [any NodeType.Type] = [
      WithStray.self, Twice.self, Controlled.self, BadFamily.self, BadDefault.self, NoOutput.self,
    ]
    let chosen = types.filter { $0.name == name }
    #expect(throws: CatalogError(typeName: name, problem: problem)) { try NodeCatalog(chosen) }
  }

  @Test func namesAreUnique() {
    #expect(throws: CatalogError(typeName: "Sum", problem: "another type has the same name")) {
      try NodeCatalog([Sum.self, Sum.self])
    }
  }

  @Test func documentation() throws {
    let catalog = try NodeCatalog(stubTypes)
    #expect(catalog.names.first == "ModelLoad")
    #expect(
      catalog.schema(named: "Sample")?.documentation == """
        Sample (version 1, compute)

        Draws a number from a model.

        inputs:
          model: Model<small, large>  The model
          start: Number?              Where to start
          extras: [Number]            More numbers

        parameters:
          steps: int, 1 to 100 (3)                 Steps
          seed: seed (0 to 18446744073709551615, or `random`) (0)
                                                   Seed of the noise
          prompt: string ("")                      What to draw
          method: one of `plain`, `fancy` (plain)  How

        outputs:
          number: Number  The number

        """)
    #expect(
      catalog.schema(named: "Everything")?.documentation.contains(
        "width: int, at least 64, a multiple of 8 (64)") == true)
    #expect(
      catalog.schema(named: "Adapter-Load")?.documentation.contains("model: Model<as model>")
        == true)
  }

  @Test func schemasAreWrittenAsJSON() throws {
    let schema = try #require(try NodeCatalog(stubTypes).schema(named: "Sample"))
    let data = try JSONEncoder().encode(schema)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let params = try #require(object["params"] as? [[String: Any]])
    #expect(params.map { $0["name"] as? String } == ["steps", "seed", "prompt", "method"])
    #expect(params[0]["type"] as? String == "int")
    #expect(params[0]["choices"] == nil)
    #expect(params[3]["type"] as? String == "one of `plain`, `fancy`")
    #expect(params[3]["choices"] as? [String] == ["plain", "fancy"])
  }

  @Test func nodesRunAloneInTests() throws {
    var node = Divide()
    node.number = Number(value: 7)
    node.by = 3
    try node.run(NodeContext(nodeID: "n"))
    #expect((node.quotient.value, node.rest.value) == (2, 1))
    var sample = Sample()
    sample.model = StubModel(name: "m", family: "small")
    #expect(sample.start == nil)
    #expect(sample.extras.isEmpty)
    try sample.run(NodeContext(nodeID: "n"))
    #expect(sample.number.value == 3)
  }

  @Test func missingServicesAreDefects() {
    let context = NodeContext(nodeID: "n")
    #expect(throws: MissingService(typeName: "RunLog")) { try context.service(RunLog.self) }
  }

  @Test func nearestNames() {
    let names = ["guidance", "guidance_rescale", "steps", "seed"]
    #expect(nearestName(to: "guidence", among: names) == "guidance")
    #expect(nearestName(to: "stpes", among: names) == "steps")
    #expect(nearestName(to: "SEED", among: names) == "seed")
    #expect(nearestName(to: "x", among: names) == nil)
    #expect(nearestName(to: "", among: names) == nil)
    #expect(nearestName(to: "sampler", among: names) == nil)
    #expect(nearestName(to: String(repeating: "s", count: 10_000), among: names) == nil)
  }
}
