import GraphRuntime
import TestSupport
import Testing

@Suite("Equal nodes of one graph")
struct EqualNodeTests {
  private let graph = """
    version: 1
    nodes:
      a: {type: Constant, value: 1}
      b: {type: Constant, value: 1}
      c: {type: Sum, numbers: [$a, $b]}
      d: {type: Sum, numbers: [$b, $a]}
      e: {type: Sum, numbers: [$c, $d, $b]}
    outputs: {x: $c, y: $d, z: $e}
    """

  @Test func runOnceWithoutACache() throws {
    let harness = try Harness()
    let events = EventLog()
    let plan = try Planner().plan(try harness.validate(graph))
    #expect(
      plan.steps.map(\.action.description) == [
        "run (not cached)", "same as `a`", "run (not cached)", "same as `c`", "run (not cached)",
      ])
    #expect(plan.runCount == 3)
    let summary = try Executor { events.add($0) }.run(plan)
    #expect(harness.log.all == ["a", "c", "e"])
    #expect((summary.values["d"]?["sum"] as? Number)?.value == 2)
    #expect((summary.values["e"]?["sum"] as? Number)?.value == 5)
    let hits = events.all.compactMap { event in
      if case .nodeHit(let node, _, let source) = event { "\(node) \(source)" } else { nil }
    }
    #expect(hits == ["b memory", "d memory"])
  }

  @Test func differByWhatTheyRead() throws {
    let harness = try Harness()
    try harness.folder.write("small alpha", to: "twin.model")
    let text = """
      version: 1
      nodes:
        a: {type: ModelLoad, path: small.model}
        b: {type: ModelLoad, path: twin.model}
        c: {type: Sample, model: $a}
        d: {type: Sample, model: $b}
        e: {type: Sample, model: $a, seed: 1}
        f: {type: Sample, model: $a, cache: never}
      outputs: {w: $c, x: $d, y: $e, z: $f}
      """
    // Files are told apart by the file system where no content is read, and by content where it is.
    #expect(try Planner().plan(try harness.validate(text)).runCount == 4)
    #expect(try Planner(fileKeys: .contents).plan(try harness.validate(text)).runCount == 3)
  }

  @Test func needNoMemoryOfTheirOwn() throws {
    let harness = try Harness()
    func peak(_ seed: Int) throws -> Int {
      let text = """
        version: 1
        nodes:
          base: {type: ModelLoad, path: small.model}
          a: {type: Sample, model: $base}
          b: {type: Sample, model: $base, seed: \(seed)}
          c: {type: Sample, model: $base, extras: [$a, $b]}
        outputs: {x: $c}
        """
      return try Planner().plan(try harness.validate(text)).peakBytes
    }
    #expect(try peak(1) == 3000 + 3 * 100)
    #expect(try peak(0) == 3000 + 2 * 100)
  }
}
