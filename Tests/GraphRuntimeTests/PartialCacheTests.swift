import GraphRuntime
import TestSupport
import Testing

/// Runs graphs with a cache that lives from run to run, and asserts what ran.
struct Session {
  let harness: Harness
  let cache: MemoryCache
  let history = RunHistory()
  let events = EventLog()

  init(byteLimit: Int = 1 << 20, types: [any NodeType.Type] = stubTypes) throws {
    harness = try Harness(types: types)
    cache = MemoryCache(byteLimit: byteLimit)
  }

  func plan(_ text: String, sets: [String] = [], targets: [String] = []) throws -> Plan {
    let graph = try harness.validate(text, sets: sets, targets: targets)
    return try Planner(cache: cache, history: history).plan(graph)
  }

  @discardableResult
  func run(_ text: String, sets: [String] = [], targets: [String] = []) throws -> RunSummary {
    let plan = try plan(text, sets: sets, targets: targets)
    _ = harness.log.take()
    return try Executor(cache: cache, history: history) { [events] in events.add($0) }.run(plan)
  }

  /// The nodes that ran, sorted, since light ones run while validating.
  func ran(_ text: String, sets: [String] = []) throws -> [String] {
    try run(text, sets: sets)
    return harness.log.take().sorted()
  }
}

@Suite("Only what changed runs again")
struct PartialCacheTests {
  static let graph = """
    version: 1
    params:
      steps: {type: int, default: 3}
      by: {type: int, default: 2}
    nodes:
      base: {type: ModelLoad, path: small.model}
      ten: {type: Constant, value: 10}
      draw: {type: Sample, model: $base, start: $ten, steps: $params.steps}
      half: {type: Divide, number: $draw, by: $params.by}
    outputs:
      result: $half.quotient
    """

  @Test func secondRunRunsNothing() throws {
    let session = try Session()
    let first = try session.run(Self.graph)
    #expect(session.harness.log.take() == ["ten", "draw", "half"])
    #expect((first.values["half"]?["quotient"] as? Number)?.value == 6)
    let second = try session.run(Self.graph)
    #expect(session.harness.log.take().isEmpty)
    #expect((second.values["half"]?["quotient"] as? Number)?.value == 6)
  }

  @Test func changedParamRunsWhatFollows() throws {
    let session = try Session()
    try session.run(Self.graph)
    #expect(try session.ran(Self.graph, sets: ["by=3"]) == ["half"])
    #expect(try session.ran(Self.graph, sets: ["steps=4"]) == ["draw", "half"])
    // Back to the first values: both results are still there.
    #expect(try session.ran(Self.graph) == [])
  }

  @Test func changedFileRunsWhatFollows() throws {
    let session = try Session()
    try session.run(Self.graph)
    try session.harness.folder.write("small alpha2", to: "small.model")
    #expect(try session.ran(Self.graph) == ["draw", "half"])
  }

  @Test func planSaysWhy() throws {
    let session = try Session()
    func actions(_ sets: [String]) throws -> [String] {
      try session.plan(Self.graph, sets: sets).steps.map {
        "\($0.node.id): \($0.action.description)"
      }
    }
    #expect(
      try actions([]) == [
        "base: ready", "ten: run (not cached)", "draw: run (not cached)", "half: run (not cached)",
      ])
    try session.run(Self.graph)
    #expect(try actions([]) == ["half: hit (memory)"])
    #expect(
      try actions(["steps=5"]) == [
        "base: ready", "ten: hit (memory)", "draw: run (changed: steps)",
        "half: run (changed input: number)",
      ])
    try session.harness.folder.write("small alpha2", to: "small.model")
    #expect(
      try actions([]) == [
        "base: ready", "ten: hit (memory)", "draw: run (changed input: model)",
        "half: run (changed input: number)",
      ])
  }
}
