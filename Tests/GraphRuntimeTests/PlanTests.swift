import ResgraphFiles
import TestSupport
import Testing

@testable import GraphRuntime

@Suite("Plans")
struct PlanTests {
  private let graph = """
    version: 1
    params: {steps: {type: int, default: 10}}
    nodes:
      base: {type: ModelLoad, path: small.model}
      a: {type: Sample, model: $base, steps: $params.steps}
      b: {type: Sample, model: $base, start: $a, steps: 20}
      c: {type: Sample, model: $base, start: $a, extras: [$b], steps: 5}
    outputs: {x: $c}
    """

  @Test func estimatesThePeak() throws {
    let harness = try Harness()
    let plan = try Planner().plan(try harness.validate(graph))
    // b: its own 20 steps and output, beside a's output.
    #expect(plan.peakBytes == 20_000 + 100 + 100)
    #expect(plan.steps.map(\.node.id) == ["base", "a", "b", "c"])
    #expect(plan.runCount == 3)
  }

  @Test func refusesWhatIsOverTheBudget() throws {
    let harness = try Harness()
    let graph = try harness.validate(graph)
    #expect(try Planner(memoryBudget: 20_200).plan(graph).runCount == 3)
    #expect(
      throws: MemoryBudgetExceeded(neededBytes: 20_200, budgetBytes: 20_199, node: "b")
    ) { try Planner(memoryBudget: 20_199).plan(graph) }
    #expect(
      MemoryBudgetExceeded(neededBytes: 5 << 20, budgetBytes: 3 << 20, node: "b").exitStatus
        .rawValue
        == 75)
  }

  @Test func whatIsCachedNeedsNothingBeforeIt() throws {
    let session = try Session()
    try session.run(graph)
    #expect(try session.plan(graph).steps.map(\.node.id) == ["c"])
    #expect(try session.plan(graph).peakBytes == 100)
    // With a target, that node alone; its result is there too.
    #expect(try session.plan(graph, targets: ["b"]).steps.map(\.node.id) == ["b"])
  }

  @Test func targetsMayBeOutputs() throws {
    let harness = try Harness()
    let graph = try harness.validate(graph, targets: ["x"])
    #expect(graph.targets == ["c"])
    #expect(graph.outputs.map(\.name) == ["x"])
    #expect(
      harness.problems(self.graph, targets: ["aa"]) == """
        <command line>:1:10: error[unknown-reference]: there is no node or output `aa`
         1 | --target aa
           |          ^^
           = hint: did you mean `a`?

        """)
  }

  @Test func aFileThatGoesAfterValidationIsAFailureOfItsNode() throws {
    let session = try Session()
    let valid = try session.harness.validate(graph)
    try session.harness.folder.write("gone", to: "small.model")
    // The content changed: a new key, no failure.
    #expect(try Planner(cache: session.cache).plan(valid).runCount == 3)
  }

  @Test func theResolvedGraphIsAGraphAgain() throws {
    let harness = try Harness()
    let text = """
      version: 1
      name: poster
      params:
        steps: {type: int, required: true, max: 50}
        prompt: {type: string, default: "a \\"quoted\\" text 😀"}
      x-base: &base {type: ModelLoad, path: small.model}
      defaults:
        Sample: {seed: random}
      nodes:
        base: *base
        draw: {type: Sample, model: $base, steps: $params.steps, prompt: $params.prompt}
      outputs: {x: {value: $draw, path: "x-{steps}"}}
      """
    let graph = try harness.validate(text, sets: ["steps=7"])
    let document = graph.resolvedDocument
    #expect(!document.contains("\n"))
    let again = try harness.validate(document)
    #expect(again.name == "poster")
    #expect(again.paramValues == graph.paramValues)
    #expect(again.resolvedDocument == document)
    // Equal keys: the same results, the seed drawn at random included.
    let cache = MemoryCache(byteLimit: 1000)
    let keys = try Planner(cache: cache).plan(graph).steps.map(\.key)
    #expect(try Planner(cache: cache).plan(again).steps.map(\.key) == keys)
    #expect(
      try Planner(cache: cache).plan(harness.validate(text, sets: ["steps=7"])).steps.map(\.key)
        != keys)
    let changed = try harness.validate(document, sets: ["steps=8"])
    #expect(changed.paramValues["steps"] == .int(8))
    let pattern = try #require(graph.outputs[0].pattern)
    #expect(pattern.expanded(params: graph.paramValues) == "x-7")
  }

  @Test func outputPatterns() throws {
    let harness = try Harness()
    let graph = try harness.validate(
      """
      version: 1
      params: {name: {type: string, default: "../a/b"}, seed: {type: seed, default: 3}}
      nodes: {one: {type: Constant, value: 1}}
      outputs:
        a: {value: $one, path: "in-{name}/{seed}-{{x}}-{index:03}.png"}
        b: {value: $one, path: "{name}"}
        c: $one
      """)
    let patterns = graph.outputs.map(\.pattern)
    #expect(
      patterns[0]?.expanded(params: graph.paramValues, index: 12) == "in-.._a_b/3-{x}-012.png")
    #expect(patterns[1]?.expanded(params: ["name": .string("..")]) == "_")
    #expect(patterns[2] == nil)
  }

  @Test func onlyWritableTypesMayBeOutputs() throws {
    let harness = try Harness()
    let request = harness.request(
      """
      version: 1
      nodes: {base: {type: ModelLoad, path: small.model}}
      outputs: {x: $base}
      """)
    let validator = GraphValidator(
      catalog: harness.catalog, environment: harness.environment,
      outputEndings: ["Number": "txt", "String": "txt"])
    do {
      _ = try validator.validate(request)
      Issue.record("accepted")
    } catch let found as Diagnostics {
      #expect(
        harness.clean(found.description) == """
          graph.yaml:3:14: error[port-type]: output `x` cannot be written to a file
           3 | outputs: {x: $base}
             |              ^^^^^
             = expected: Number or String
             = got: Model

          """)
    }
  }
}
