import Foundation
import GraphRuntime
import Testing

@Suite("Ports set on the command line")
struct PortOverrideTests {
  private let graph = """
    version: 1
    params: {steps: {type: int, default: 4}, file: {type: path, default: small.model}}
    nodes:
      base: {type: ModelLoad, path: $params.file}
      one: {type: Constant, value: 1}
      draw: {type: Sample, model: $base, steps: $params.steps}
    outputs: {x: $draw}
    """

  private func keys(_ harness: Harness, _ text: String, sets: [String] = []) throws -> [CacheKey] {
    let graph = try harness.validate(text, sets: sets)
    return try Planner(fileKeys: .contents).plan(graph).steps.map(\.key)
  }

  @Test(arguments: [
    ("steps=7", "steps: 7"), ("steps=$params.steps", "steps: $params.steps"),
    ("prompt=7", "prompt: \"7\""), ("prompt=[a, b: c", "prompt: \"[a, b: c\""),
    ("prompt=at ${params.steps}", "prompt: \"at ${params.steps}\""),
    ("start=$one", "start: $one"), ("extras=[$one, $one.number]", "extras: [$one, $one]"),
    ("method=fancy", "method: fancy"), ("seed=0x10", "seed: 16"),
  ])
  func isAsIfTheFileSaidSo(_ set: String, _ written: String) throws {
    let harness = try Harness()
    let isSteps = written.hasPrefix("steps")
    let file = graph.replacingOccurrences(
      of: "steps: $params.steps}",
      with: isSteps ? "\(written)}" : "steps: $params.steps, \(written)}")
    #expect(try keys(harness, graph, sets: ["nodes.draw.\(set)"]) == keys(harness, file))
    if set != "steps=$params.steps" { #expect(try keys(harness, graph) != keys(harness, file)) }
  }

  @Test func theRecordRunsAgainWithTheSameValues() throws {
    let harness = try Harness()
    let sets = ["nodes.draw.seed=random", "nodes.draw.prompt=a \"cat\"", "nodes.one.value=3"]
    let graph = try harness.validate(graph, sets: sets)
    let again = try harness.validate(graph.resolvedDocument)
    #expect(again.resolvedDocument == graph.resolvedDocument)
    let planner = Planner(fileKeys: .contents)
    #expect(try planner.plan(again).steps.map(\.key) == planner.plan(graph).steps.map(\.key))
  }

  @Test func winsOverDefaultsAndTheLastWins() throws {
    let harness = try Harness()
    let text = graph.replacingOccurrences(
      of: "nodes:", with: "defaults: {Sample: {prompt: a}}\nnodes:")
    #expect(
      try keys(harness, text, sets: ["nodes.draw.prompt=x", "nodes.draw.prompt=b"])
        == keys(harness, text, sets: ["nodes.draw.prompt=b"]))
    #expect(
      try keys(harness, text, sets: ["nodes.draw.prompt=b"])
        == keys(harness, graph, sets: ["nodes.draw.prompt=b"]))
  }

  @Test func pathsStartFromTheCurrentFolder() throws {
    let harness = try Harness()
    // The graph's folder has a file of this name, the current folder has not.
    let said = harness.problems(graph, sets: ["nodes.base.path=large.model"])
    #expect(said.contains("error[missing-file]") && said.contains("looked in `.`;"))
  }

  @Test func whatIsWrongIsLocated() throws {
    let harness = try Harness()
    let sets = [
      "nodes.drwa.steps=3", "nodes.draw.setps=3", "nodes.draw=3", "nodes.draw.steps=many",
      "nodes.draw.extras=[$one", "draw.steps=3", "nodes.draw.method=fany",
    ]
    #expect(
      harness.problems(graph, sets: sets) == """
        <command line>:1:7: error[unknown-reference]: the graph has no node `drwa`
         1 | --set nodes.drwa.steps=3
           |       ^^^^^^^^^^^^^^^^
           = hint: did you mean `draw`?

        <command line>:2:7: error[unknown-key]: Sample has no port "setps"
         2 | --set nodes.draw.setps=3
           |       ^^^^^^^^^^^^^^^^
           = expected: one of `model`, `start`, `extras`, `steps`, `seed`, `prompt`, `method`
           = hint: did you mean `steps`?

        <command line>:3:7: error[syntax]: "nodes.draw" does not name a port
         3 | --set nodes.draw=3
           |       ^^^^^^^^^^
           = expected: `nodes.NODE.PORT`

        <command line>:4:24: error[wrong-type]: `steps` of `draw` (Sample) has the wrong type
         4 | --set nodes.draw.steps=many
           |                        ^^^^
           = expected: int
           = got: string "many"

        <command line>:5:25: error[syntax]: the value of port `extras` is not a list
         5 | --set nodes.draw.extras=[$one
           |                         ^^^^^
           = expected: `[a, b]`
           = got: "[$one"

        <command line>:6:7: error[unknown-key]: the graph has no parameter `draw.steps`
         6 | --set draw.steps=3
           |       ^^^^^^^^^^
           = expected: one of `steps`, `file`
           = hint: a port of a node is `nodes.NODE.PORT`

        <command line>:7:25: error[out-of-range]: `method` of `draw` (Sample) is not one of its choices
         7 | --set nodes.draw.method=fany
           |                         ^^^^
           = expected: one of `plain`, `fancy`
           = got: string "fany"
           = hint: did you mean `fancy`?

        """)
  }
}
