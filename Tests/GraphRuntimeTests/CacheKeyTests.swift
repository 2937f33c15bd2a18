import Foundation
import GraphRuntime
import TestSupport
import Testing

/// `Sample` of the stubs, one version later.
private struct SampleTwo: NodeType {
  static let name = "Sample"
  static let version = 2
  static let summary = "Draws a number from a model."
  @Input("The model") var model: StubModel
  @Input("Where to start") var start: Number?
  @Input("More numbers") var extras: [Number]
  @Param("Steps") var steps = 3
  @Param("Seed of the noise") var seed: Seed = 0
  @Param("What to draw") var prompt = ""
  @Param("How") var method = Sample.Method.plain
  @Output("The number") var number: Number
  mutating func run(_ context: NodeContext) throws { number = Number(value: 0) }
}

/// Reads one file of a folder, and says so.
private struct FolderLoad: NodeType {
  static let summary = "Reads the file `used` of a folder."
  static let resources = ResourceClass.light
  @Param("The folder") var path: InputPath
  @Output("The text") var text: Number

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    ["used " + (try files.digest(path.resolved + "/used"))]
  }

  mutating func run(_ context: NodeContext) throws { text = Number(value: 1) }
}

@Suite("Cache keys")
struct CacheKeyTests {
  static let graph = """
    version: 1
    nodes:
      base: {type: ModelLoad, path: small.model}
      one: {type: Constant, value: 1}
      two: {type: Constant, value: 2}
      draw: {type: Sample, model: $base, start: $one, extras: [$one, $two], steps: 5, seed: 7, prompt: x}
    outputs: {x: $draw}
    """

  private func keys(
    _ text: String, types: [any NodeType.Type] = stubTypes, mode: String = "fp32",
    before: (Harness) throws -> Void = { _ in }
  ) throws -> [String: CacheKey] {
    var harness = try Harness(types: types)
    harness.environment.numericMode = mode
    try before(harness)
    let plan = try Planner(cache: MemoryCache(byteLimit: 1000)).plan(try harness.validate(text))
    return Dictionary(uniqueKeysWithValues: plan.steps.map { ($0.node.id, $0.key) })
  }

  private func drawKey(_ text: String) throws -> CacheKey {
    try #require(try keys(text)["draw"])
  }

  @Test func isTheSameInEveryProcessAndFolder() throws {
    // The value is part of the contract with caches on disk: it may only change on purpose.
    let key = try #require(try keys(Self.graph)["one"])
    #expect(key.hex == "976f6e17dddd303430b52e5e95054f2e15d236e609147a358746273c1329cf27")
    #expect(try drawKey(Self.graph) == drawKey(Self.graph))
  }

  @Test(arguments: [
    // Names of nodes and outputs.
    ("draw: {", "draw: {note: \"a note\", x-mine: 3, "),
    ("outputs: {x: $draw}", "outputs: {other: $draw}"),
    ("version: 1", "version: 1\nname: other\ndescription: other"),
    // Order of ports and spelling of values.
    ("steps: 5, seed: 7, prompt: x", "prompt: \"x\", seed: 0x7, steps: +5"),
    ("steps: 5, seed: 7, prompt: x", "prompt: x, seed: 7, steps: 5, method: plain"),
    ("start: $one", "start: $one.number"), ("type: Sample,", "type: Sample@1,"),
    ("model: $base", "model: $base.model"), ("path: small.model", "path: ./small.model"),
    ("path: small.model", "path: small.model, weight: 1"),
    // The same value by another way.
    ("version: 1", "version: 1\nparams: {steps: {type: int, default: 5}}\nx-a: 3"),
    ("nodes:", "defaults: {Sample: {method: plain}}\nnodes:"),
  ]) func doesNotDependOn(_ change: (String, String)) throws {
    let changed = Self.graph.replacingOccurrences(of: change.0, with: change.1)
    #expect(changed != Self.graph)
    #expect(try drawKey(changed) == drawKey(Self.graph))
  }

  @Test func doesNotDependOnNamesOrOrder() throws {
    let renamed = """
      version: 1
      outputs: {x: $q}
      nodes:
        q: {type: Sample, extras: [$c, $b], model: $a, steps: 5, start: $c, prompt: x, seed: 7}
        b: {type: Constant, value: 2}
        c: {type: Constant, value: 1}
        a: {type: ModelLoad, path: small.model}
      """
    #expect(try keys(renamed)["q"] == drawKey(Self.graph))
  }

  @Test(arguments: [
    ("steps: 5", "steps: 6"), ("steps: 5, ", ""), ("seed: 7", "seed: 8"),
    ("seed: 7", "seed: 18446744073709551615"), ("prompt: x", "prompt: y"),
    ("prompt: x", "prompt: \"x \""),
    ("prompt: x", "prompt: x, method: fancy"), ("start: $one, ", ""),
    ("start: $one", "start: $two"),
    ("extras: [$one, $two]", "extras: [$two, $one]"), ("extras: [$one, $two]", "extras: [$one]"),
    ("extras: [$one, $two]", "extras: []"), (", extras: [$one, $two]", ""),
    ("value: 1", "value: 3"), ("path: small.model", "path: large.model"),
    ("path: small.model", "path: small.model, weight: 0.5"),
    ("prompt: x", "prompt: x, cache: never"),
  ]) func dependsOn(_ change: (String, String)) throws {
    let changed = Self.graph.replacingOccurrences(of: change.0, with: change.1)
    #expect(changed != Self.graph)
    #expect(try drawKey(changed) != drawKey(Self.graph))
  }

  @Test func dependsOnVersionAndNumericMode() throws {
    let changedType = stubTypes.map { $0.name == "Sample" ? SampleTwo.self : $0 }
    let first = try keys(Self.graph)
    let second = try keys(Self.graph, types: changedType)
    #expect(first["one"] == second["one"])
    #expect(first["draw"] != second["draw"])
    let third = try keys(Self.graph, mode: "bf16")
    #expect(first["one"] != third["one"])
    #expect(first["draw"] != third["draw"])
  }

  @Test func dependsOnFileContentAndNotOnItsPathOrTime() throws {
    let first = try keys(Self.graph)
    let touched = try keys(Self.graph) { try $0.folder.write("small alpha", to: "small.model") }
    #expect(first == touched)
    let changed = try keys(Self.graph) { try $0.folder.write("small alphb", to: "small.model") }
    #expect(first["base"] != changed["base"])
    #expect(first["draw"] != changed["draw"])
    let moved = try keys(Self.graph.replacingOccurrences(of: "small.model", with: "copy/other")) {
      try $0.folder.write("small alpha", to: "copy/other")
    }
    #expect(first["draw"] == moved["draw"])
  }

  @Test func nodesMayNameTheContentsTheyRead() throws {
    let text = """
      version: 1
      nodes:
        a: {type: FolderLoad, path: folder}
        b: {type: Sum, numbers: [$a]}
      outputs: {x: $b}
      """
    func key(_ used: String, _ other: String) throws -> CacheKey? {
      try keys(text, types: stubTypes + [FolderLoad.self]) {
        try $0.folder.write(used, to: "folder/used")
        try $0.folder.write(other, to: "folder/other")
      }["b"]
    }
    #expect(try key("1", "1") == key("1", "2"))
    #expect(try key("1", "1") != key("2", "1"))
  }

  @Test func outputsOfOneNodeAreDistinct() throws {
    let text = """
      version: 1
      nodes:
        one: {type: Constant, value: 1}
        half: {type: Divide, number: $one}
        a: {type: Sum, numbers: [$half.quotient]}
        b: {type: Sum, numbers: [$half.rest]}
        c: {type: Sum, numbers: $half.quotient}
      outputs: {x: $a, y: $b, z: $c}
      """
    let keys = try keys(text)
    #expect(keys["a"] != keys["b"])
    #expect(keys["a"] == keys["c"])
  }

  @Test func fieldsDoNotRunTogether() {
    func key(_ texts: [String]) -> CacheKey {
      var encoder = CanonicalEncoder(domain: "test")
      for text in texts { encoder.add(text) }
      return encoder.key()
    }
    #expect(key(["ab", "c"]) != key(["a", "bc"]))
    #expect(key(["abc"]) != key(["abc", ""]))
    func key(_ literal: Literal) -> CacheKey {
      var encoder = CanonicalEncoder(domain: "test")
      encoder.add(literal)
      return encoder.key()
    }
    let literals: [Literal] = [
      .null, .bool(false), .bool(true), .int(0), .int(1), .float(0), .float(-0.0), .float(1),
      .string(""),
      .string("1"), .list([]), .list([.int(1)]), .list([.list([.int(1)])]), .string("null"),
    ]
    #expect(Set(literals.map(key)).count == literals.count)
    #expect(key(.float(.nan)) == key(.float(-.nan)))
  }

  @Test func withoutACacheNoFileIsRead() throws {
    let harness = try Harness()
    let graph = try harness.validate(Self.graph)
    func key() throws -> [CacheKey] { try Planner().plan(graph).steps.map(\.key) }
    let first = try key()
    #expect(try key() == first)
    try harness.folder.write("other content", to: "small.model")
    let second = try key()
    #expect(second != first)
    // A pipe that nobody writes to can be looked at, and not read.
    let path = harness.folder.path + "/small.model"
    try #require(unlink(path) == 0 && mkfifo(path, 0o600) == 0)
    #expect(try key() != second)
    #expect(throws: NodeFailure.self) { try Planner(fileKeys: .contents).plan(graph) }
  }
}
