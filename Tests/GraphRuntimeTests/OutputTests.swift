import Testing

@testable import GraphRuntime

/// Where outputs are written, and what is written when only some nodes are asked for.
@Suite struct OutputTests {
  private static let endings = ["Number": "png", "Int": "txt", "String": "txt"]

  /// A graph of a model, a constant and its division, with the outputs given.
  private func graph(
    _ outputs: String, targets: [String] = [], sets: [String] = []
  ) throws -> ValidatedGraph {
    let harness = try Harness()
    let request = harness.request(
      """
      version: 1
      params: {name: {type: string, default: poster}, scale: {type: float, default: 0.5}}
      nodes:
        base: {type: ModelLoad, path: small.model}
        one: {type: Constant, value: 7}
        split: {type: Divide, number: $one}
      outputs: {\(outputs)}
      """, sets: sets, targets: targets)
    return try GraphValidator(
      catalog: harness.catalog, environment: harness.environment, outputEndings: Self.endings
    ).validate(request)
  }

  private func files(_ graph: ValidatedGraph, count: Int = 1) -> [String] {
    graph.outputs.flatMap { $0.fileNames(params: graph.paramValues, count: count) }
  }

  @Test(arguments: [
    ("poster.png", "poster.png"), ("{name}.PNG", "poster.PNG"), ("{name}", "poster.png"),
    ("scale-{scale}", "scale-0.5.png"), ("scale-0.5", "scale-0.5.png"),
    ("a.b/{name}", "a.b/poster.png"),
  ])
  func filesHaveTheirTypesEnding(_ path: String, _ file: String) throws {
    #expect(try files(graph("x: {value: $one, path: \"\(path)\"}")) == [file])
  }

  @Test func aNameCannotPromiseAnotherFormat() throws {
    for ending in ["webp", "jpg", "jpeg", "JPG", "safetensors", "txt"] {
      #expect(throws: Diagnostics.self) {
        try graph("x: {value: $one, path: \"{name}.\(ending)\"}")
      }
    }
    let fromOutside = try graph("x: {value: $one, path: \"{name}\"}", sets: ["name=a.webp"])
    #expect(files(fromOutside) == ["a.webp.png"])
    do {
      _ = try graph("x: {value: $one, path: poster.webp}")
    } catch let found as Diagnostics {
      let error = try #require(found.errors.first)
      #expect(error.code == .badName && error.range.start.line == 7)
      #expect(error.expected?.contains(".png") == true && error.got == ".webp")
    }
  }

  @Test func picturesOfABatchAreNumberedUnlessTheirPatternDoesIt() throws {
    #expect(try files(graph("x: $one"), count: 2) == ["x-0.png", "x-1.png"])
    let own = try graph("x: {value: $one, path: \"{index:02}-{name}.png\"}")
    #expect(files(own, count: 2) == ["00-poster.png", "01-poster.png"])
  }

  @Test(arguments: [
    "x: {value: $one, path: same}, y: {value: $split.rest, path: same.png}",
    "x: $one, y: {value: $split.rest, path: \"x.png\"}",
    "x: {value: $one, path: \"{name}\"}, y: {value: $split.rest, path: poster}",
  ])
  func twoOutputsCannotShareAFile(_ outputs: String) throws {
    do {
      _ = try graph(outputs)
      Issue.record("accepted")
    } catch let found as Diagnostics {
      #expect(found.errors.map(\.code) == [.duplicateKey])
    }
  }

  @Test(arguments: [
    "x: {value: $one, path: a}, y: {value: $split.rest, path: \"a.png/b\"}",
    "x: {value: $one, path: \"a.png/b\"}, y: {value: $split.rest, path: a}",
  ])
  func aFileCannotBeAFolderToo(_ outputs: String) throws {
    #expect(throws: Diagnostics.self) { try graph(outputs) }
  }

  @Test func aNameHasAtMost255Bytes() throws {
    let outputs = "x: {value: $one, path: \"{name}.png\"}"
    _ = try graph(outputs, sets: ["name=" + String(repeating: "a", count: 251)])
    do {
      _ = try graph(outputs, sets: ["name=" + String(repeating: "ä", count: 126)])
      Issue.record("accepted")
    } catch let found as Diagnostics {
      #expect(found.errors.map(\.code) == [.badName] && found.errors[0].got == "256 bytes")
    }
  }

  @Test func aTargetsOutputsAreWritten() throws {
    let outputs = "x: $split.rest, y: $one"
    #expect(try files(graph(outputs)) == ["x.png", "y.png"])
    #expect(try files(graph(outputs, targets: ["y"])) == ["y.png"])
    #expect(
      try files(graph(outputs, targets: ["split"]))
        == ["x.png", "split.quotient.png", "split.plain.txt"])
    let named = try graph(outputs, targets: ["split"]).outputs
    #expect(named.map(\.name) == ["x", "split.quotient", "split.plain"])
  }

  @Test func aTargetThatCannotBeWrittenSaysSo() throws {
    let graph = try graph("y: $one", targets: ["base"])
    #expect(graph.outputs.isEmpty && graph.targets == ["base"])
    let warning = try #require(
      graph.diagnostics.warnings.first { $0.message.contains("can be written") })
    #expect(warning.node == "base")
  }

  @Test func withoutFilesATargetIsOnlyRun() throws {
    let harness = try Harness()
    let graph = try harness.validate(
      """
      version: 1
      nodes: {one: {type: Constant, value: 7}, two: {type: Divide, number: $one}}
      outputs: {x: $one}
      """, targets: ["two"])
    #expect(graph.outputs.isEmpty && graph.targets == ["two"])
  }
}
