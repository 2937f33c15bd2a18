import GraphRuntime
import TestSupport
import Testing

/// Makes a model from one model and a number that only a run can make, like an image prompt.
private struct Prompted: NodeType {
  static let summary = "Puts a number into a model."
  static let resources = ResourceClass.light
  @Input("The model") var model: StubModel
  @Input("The number") var number: Number
  @Param("The adapter file") var path: InputPath
  @Output("The model", name: "model", family: .same(as: "model")) var result: StubModel

  mutating func validate(_ context: ValidationContext) throws {
    context.services.find(RunLog.self)?.add("validate " + context.nodeID)
    #expect($number.known == nil)
    guard let model = $model.known else { return }
    let family = try TestFiles.read(path.resolved)
    if family != model.family { context.report(NodeError("wrong adapter", port: "path")) }
    if model.name.count > 100 { context.warn("a long name", port: "model", hint: "shorten it") }
    result = StubModel(name: model.name + "?", family: model.family)
  }

  mutating func run(_ context: NodeContext) throws {
    context.log()
    result = StubModel(name: "\(model.name)*\(number.value)", family: model.family)
  }
}

/// Says what a model is called.
private struct Name: NodeType {
  static let summary = "The name of a model."
  static let resources = ResourceClass.io
  @Input("The model") var model: StubModel
  @Output("Its name") var name: String
  mutating func run(_ context: NodeContext) throws { name = model.name }
}

/// Forgets its output.
private struct Forgetful: NodeType {
  static let summary = "Sets nothing."
  static let resources = ResourceClass.light
  @Output("Nothing") var number: Number
  mutating func run(_ context: NodeContext) throws {}
}

/// Needs a CPU feature.
private struct Picky: NodeType {
  static let summary = "Refuses."
  @Output("Nothing") var number: Number
  mutating func validate(_ context: ValidationContext) throws {
    throw NodeError("needs AVX-512", status: .unavailable)
  }
  mutating func run(_ context: NodeContext) throws {}
}

@Suite("Light nodes run during validation")
struct StaticEvaluationTests {
  private let types: [any NodeType.Type] =
    stubTypes + [Prompted.self, Name.self, Forgetful.self, Picky.self]

  private let chain = """
    version: 1
    nodes:
      base: {type: ModelLoad, path: small.model}
      four: {type: Constant, value: 4}
      mixed: {type: Prompted, model: $base, number: $four, path: small.adapter}
      wide: {type: Adapter-Load, model: $mixed, path: small.adapter}
      name: {type: Name, model: $wide}
    outputs: {x: $name}
    """

  @Test func valuesAreKnownBeforeTheRun() throws {
    let harness = try Harness()
    let graph = try harness.validate(
      """
      version: 1
      nodes:
        base: {type: ModelLoad, path: small.model}
        wide: {type: Adapter-Load, model: $base, path: small.adapter}
        draw: {type: Sample, model: $wide}
      outputs: {x: $draw}
      """)
    #expect(harness.log.all == ["base", "wide"])
    #expect((graph.value(node: "wide", port: "model") as? StubModel)?.name == "alpha+small")
    #expect(graph.isEvaluated("base") && !graph.isEvaluated("draw"))
    // The run takes their values and does not run them again.
    let summary = try Executor().run(try Planner().plan(graph))
    #expect(harness.log.all == ["base", "wide", "draw"])
    #expect((summary.values["draw"]?["number"] as? Number)?.value == 3)
  }

  @Test func predictionsCarryOnAndAreReplacedByTheRun() throws {
    let harness = try Harness(types: types)
    let graph = try harness.validate(chain)
    // `wide` runs on the prediction of `mixed`, so that its check of the family happens.
    #expect(harness.log.take().sorted() == ["base", "validate mixed", "wide"])
    #expect(!graph.isEvaluated("mixed") && !graph.isEvaluated("wide"))
    let summary = try Executor().run(try Planner().plan(graph))
    #expect(summary.values["name"]?["name"] as? String == "alpha*4+small")
  }

  @Test func wrongPredictedFamilyIsFound() throws {
    let harness = try Harness(types: types)
    try harness.folder.write("large", to: "large.adapter")
    let text = chain.replacing(
      "wide: {type: Adapter-Load, model: $mixed, path: small.adapter}",
      with: "wide: {type: Adapter-Load, model: $mixed, path: large.adapter}")
    #expect(
      harness.problems(text)
        == """
        graph.yaml:6:51: error[node]: `path` of `wide` (Adapter-Load): the adapter is for another model
         6 |   wide: {type: Adapter-Load, model: $mixed, path: large.adapter}
           |                                                   ^^^^^^^^^^^^^
           = expected: small
           = got: large

        """)
  }

  @Test func errorsReportedInValidateAreLocated() throws {
    let harness = try Harness(types: types)
    try harness.folder.write("large", to: "large.adapter")
    let text = chain.replacing(
      "number: $four, path: small.adapter", with: "number: $four, path: large.adapter")
    let found = harness.problems(text)
    #expect(
      found.hasPrefix("graph.yaml:5:62: error[node]: `path` of `mixed` (Prompted): wrong adapter"))
  }

  @Test func familiesFollowTheRulesWhereNoValueIsKnown() throws {
    let harness = try Harness(types: types)
    // `mixed` has an error, so nothing is predicted; its family is still that of its input.
    let text = """
      version: 1
      nodes:
        huge: {type: ModelLoad, path: huge.model}
        four: {type: Constant, value: 4}
        mixed: {type: Prompted, model: $huge, number: $four, path: gone}
        draw: {type: Sample, model: $mixed}
      outputs: {x: $draw}
      """
    let codes = harness.problems(text).split(separator: "\n").filter { $0.contains("error[") }
    #expect(codes.count == 2)
    #expect(codes[1].contains("error[family]: `model` of `draw` (Sample)"))
  }

  @Test func defectsAndRefusalsHaveTheirOwnExitCode() throws {
    let harness = try Harness(types: types)
    func status(_ type: String) -> Int32? {
      do {
        _ = try harness.validate(
          "version: 1\nnodes: {a: {type: \(type)}}\noutputs: {x: $a}")
        return 0
      } catch { return (error as? any ExitStatusError)?.exitStatus.rawValue }
    }
    #expect(status("Forgetful") == 70)
    #expect(status("Picky") == 69)
  }

  @Test func plainErrorsPointAtTheOnlyFile() throws {
    struct Odd: Error, CustomStringConvertible { let description = "an odd file" }
    struct OddLoad: NodeType {
      static let summary = "Throws an error that knows no ports."
      static let resources = ResourceClass.light
      @Param("The file") var path: InputPath
      @Output("Nothing") var number: Number
      mutating func run(_ context: NodeContext) throws { throw Odd() }
    }
    let harness = try Harness(types: stubTypes + [OddLoad.self])
    let text = """
      version: 1
      nodes:
        odd: {type: OddLoad, path: small.model}
      outputs: {x: $odd}
      """
    #expect(
      harness.problems(text).hasPrefix(
        "graph.yaml:3:30: error[node]: `path` of `odd` (OddLoad): an odd file\n"))
  }
}

/// `auto`, or a number of pixels; throws an error of its own kind for anything else.
private struct Tile: ParamValue {
  struct Refusal: Error, CustomStringConvertible { let description = "no tile" }
  static let kind = ParamKind.either([.choice(["auto"]), .int])
  var pixels: Int?
  var literal: Literal { pixels.map { .int(Int128($0)) } ?? .string("auto") }
  init() {}
  init(literal: Literal, paths: any PathResolving) throws {
    switch literal {
    case .string("auto"): pixels = nil
    case .int(let number): pixels = Int(number)
    default: throw Refusal()
    }
  }
}

private struct Tiled: NodeType {
  static let summary = "Takes a parameter of its own type."
  @Param("Side of a tile", min: 8) var tile = Tile()
  @Output("A number") var number: Number
  mutating func run(_ context: NodeContext) throws { number = Number(value: tile.pixels ?? 0) }
}

@Suite("Parameter types of nodes")
struct OwnParamTypeTests {
  private func problems(_ tile: String) throws -> String {
    try Harness(types: [Tiled.self]).problems(
      "version: 1\nnodes: {a: {type: Tiled, tile: \(tile)}}\noutputs: {x: $a}")
  }

  @Test func takesItsForms() throws {
    #expect(try problems("auto") == "")
    #expect(try problems("16") == "")
  }

  @Test func refusalsOfAnyKindAreLocated() throws {
    #expect(try problems("4").contains("= expected: at least 8\n   = got: 4"))
    #expect(
      try problems("many") == """
        graph.yaml:2:32: error[wrong-type]: `tile` of `a` (Tiled) has the wrong type
         2 | nodes: {a: {type: Tiled, tile: many}}
           |                                ^^^^
           = expected: `auto` or int
           = got: no tile

        """)
  }
}
