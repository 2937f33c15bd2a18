import Foundation
import GraphRuntime
import ResgraphFiles
import TestSupport
import Testing

@Suite("Parameters from outside")
struct ParamTests {
  static let graph = """
    version: 1
    params:
      steps: {type: int, default: 4, min: 1, max: 50}
      amount: {type: float, default: 0.5, choices: [0.5, 1]}
      prompt: {type: string, default: hello}
      flag: {type: bool, default: false}
      color: {type: enum, choices: [red, green], default: red}
      seed: {type: seed, default: random}
      model: {type: path, default: small.model}
    nodes:
      base: {type: ModelLoad, path: $params.model}
      draw: {type: Sample, model: $base, steps: $params.steps, seed: $params.seed}
      text:
        type: Everything
        amount: $params.amount
        flag: $params.flag
        text: "${params.prompt}, ${params.color}, ${params.steps} of ${params.amount}: $$5 ${params.flag}"
    outputs: {x: $draw, y: $text}
    """

  private func value(_ sets: [String], _ name: String) throws -> Literal? {
    try Harness().validate(Self.graph, sets: sets).paramValues[name]
  }

  @Test func setsAreTypedByTheDeclaration() throws {
    #expect(try value(["steps=7"], "steps") == .int(7))
    #expect(try value(["steps=7", "steps=8"], "steps") == .int(8))
    #expect(try value(["amount=1"], "amount") == .float(1))
    #expect(try value(["prompt=123"], "prompt") == .string("123"))
    #expect(try value(["prompt=a=b, c: \"d\""], "prompt") == .string("a=b, c: \"d\""))
    #expect(try value(["prompt="], "prompt") == .string(""))
    #expect(try value(["flag=true"], "flag") == .bool(true))
    #expect(try value(["color=green"], "color") == .string("green"))
    #expect(
      try value(["seed=18446744073709551615"], "seed") == .int(18_446_744_073_709_551_615))
  }

  /// No node can do anything with them, and they would pass through every comparison.
  @Test(arguments: [".nan", ".inf", "-.inf"])
  func numbersThatAreNoneAreErrors(_ text: String) throws {
    let harness = try Harness()
    let graph = """
      version: 1
      params:
        amount: {type: float, default: DEFAULT}
      nodes:
        text: {type: Everything, amount: $params.amount, flag: true, text: a}
      outputs: {y: $text}
      """
    func complaints(_ graph: String, sets: [String] = []) throws -> [Diagnostic] {
      let error = #expect(throws: Diagnostics.self) { try harness.validate(graph, sets: sets) }
      return error?.errors ?? []
    }
    let inDefault = try complaints(graph.replacing("DEFAULT", with: text))
    #expect(inDefault.count == 1 && inDefault.first?.message.contains("`amount`") == true)
    #expect(inDefault.first?.expected == "a finite number")
    let sound = graph.replacing("DEFAULT", with: "0.5")
    _ = try harness.validate(sound)
    let set = try complaints(sound, sets: ["amount=\(text)"])
    #expect(set.count == 1 && set.first?.message.contains("`amount`") == true)
    let inNode = try complaints(sound.replacing("$params.amount", with: text))
    #expect(inNode.count == 1 && inNode.first?.port == "amount")
  }

  @Test func textsAreFilledIn() throws {
    let harness = try Harness()
    let graph = try harness.validate(Self.graph, sets: ["amount=1"])
    guard case .literal(let text, _)? = graph.node("text")?.bindings["text"] else {
      Issue.record("not a literal")
      return
    }
    #expect(text == .string("hello, red, 4 of 1.0: $5 false"))
  }

  @Test func randomSeedsAreDrawnOncePerValidation() throws {
    let harness = try Harness()
    let graph = try harness.validate(Self.graph)
    guard case .int(let seed)? = graph.paramValues["seed"],
      case .literal(.int(let used), _)? = graph.node("draw")?.bindings["seed"]
    else {
      Issue.record("no number")
      return
    }
    #expect(seed == used)
    #expect(try value([], "seed") != value([], "seed"))
    // What is recorded gives the same seed again.
    let again = try harness.validate(graph.resolvedDocument)
    #expect(again.paramValues["seed"] == .int(seed))
  }

  @Test func wrongValuesPointIntoTheCommandLine() throws {
    let found = try Harness().problems(
      Self.graph,
      sets: [
        "steps=many", "steps=0", "amount=0.7", "flag=yes", "color=gren", "seed=-1", "stesp=3",
        "steps", "=3",
        "model=gone.model",
      ])
    #expect(
      found == """
        <command line>:2:13: error[out-of-range]: the value of parameter `steps` is out of range
         2 | --set steps=0
           |             ^
           = expected: 1 to 50
           = got: 0

        <command line>:3:14: error[out-of-range]: the value of parameter `amount` is not one of its choices
         3 | --set amount=0.7
           |              ^^^
           = expected: one of `0.5`, `1`
           = got: float 0.7

        <command line>:4:12: error[wrong-type]: the value of parameter `flag` has the wrong type
         4 | --set flag=yes
           |            ^^^
           = expected: bool (true or false)
           = got: string "yes"
           = hint: write `true`

        <command line>:5:13: error[out-of-range]: the value of parameter `color` is not one of its choices
         5 | --set color=gren
           |             ^^^^
           = expected: one of `red`, `green`
           = got: string "gren"
           = hint: did you mean `green`?

        <command line>:6:12: error[out-of-range]: the value of parameter `seed` is out of range
         6 | --set seed=-1
           |            ^^
           = expected: seed (0 to 18446744073709551615, or `random`)
           = got: -1

        <command line>:7:7: error[unknown-key]: the graph has no parameter `stesp`
         7 | --set stesp=3
           |       ^^^^^
           = expected: one of `steps`, `amount`, `prompt`, `flag`, `color`, `seed`, `model`
           = hint: did you mean `steps`?

        <command line>:8:7: error[syntax]: `--set` takes a name and a value
         8 | --set steps
           |       ^^^^^
           = expected: `--set name=value`
           = got: "steps"

        <command line>:9:7: error[syntax]: `--set` takes a name and a value
         9 | --set =3
           |       ^^
           = expected: `--set name=value`
           = got: "=3"

        <command line>:10:13: error[missing-file]: `path` of `base` (ModelLoad) names a file that does not exist (parameter `model`)
         10 | --set model=gone.model
            |             ^^^^^^^^^^
            = expected: an existing file or folder
            = got: "gone.model"
            = hint: looked in `.`; --model-path DIR adds a folder to look in

        """)
  }

  @Test func filesGiveValues() throws {
    let harness = try Harness()
    let prompt = try harness.folder.write("line one\nline two\n", to: "prompt.txt")
    let yaml = try harness.folder.write(
      "steps: 9\nprompt: from yaml\nmodel: own.model\n", to: "sets/p.yaml")
    try harness.folder.write("small own", to: "sets/own.model")
    let json = try harness.folder.write("{\"steps\": 10, \"color\": \"green\"}", to: "p.json")
    var request = harness.request(Self.graph, sets: ["color=red"])
    request.setFiles = ["prompt=@" + prompt]
    request.paramsFiles = [yaml, json]
    let graph = try GraphValidator(catalog: harness.catalog, environment: harness.environment)
      .validate(request)
    #expect(graph.paramValues["steps"] == .int(10))
    #expect(graph.paramValues["color"] == .string("red"))
    #expect(graph.paramValues["prompt"] == .string("line one\nline two"))
    // A path in a parameter file is looked up beside that file first.
    #expect((graph.value(node: "base", port: "model") as? StubModel)?.name == "own")
  }

  @Test func brokenFilesAreLocated() throws {
    let harness = try Harness()
    let bad = try harness.folder.write("steps: 0\nstesp: 3\nprompt: [a]\n", to: "bad.yaml")
    let worse = try harness.folder.write("steps: [", to: "worse.yaml")
    let list = try harness.folder.write("- steps", to: "list.yaml")
    let binary = try harness.folder.write([0xFF, 0x00], to: "binary")
    var request = harness.request(Self.graph)
    request.paramsFiles = [bad, worse, list, harness.folder.path + "/gone.yaml"]
    request.setFiles = ["prompt=@" + binary, "prompt"]
    do {
      _ = try GraphValidator(catalog: harness.catalog).validate(request)
      Issue.record("accepted")
    } catch let found as Diagnostics {
      let lines = harness.clean(found.description).split(separator: "\n").filter {
        $0.contains("error[")
      }
      #expect(
        lines.map { $0.prefix(while: { $0 != "]" }) } == [
          "bad.yaml:1:8: error[out-of-range", "bad.yaml:2:1: error[unknown-key",
          "bad.yaml:3:9: error[wrong-type", "worse.yaml:2:1: error[syntax",
          "list.yaml:1:1: error[wrong-type", "<command line>:4:15: error[missing-file",
          "<command line>:5:19: error[syntax", "<command line>:6:12: error[syntax",
        ])
    }
  }

  @Test func exitCodes() throws {
    let harness = try Harness()
    func status(
      _ text: String, sets: [String] = [], targets: [String] = []
    ) -> GraphRuntime.ExitStatus? {
      do {
        _ = try harness.validate(text, sets: sets, targets: targets)
        return .done
      } catch { return (error as? any ExitStatusError)?.exitStatus }
    }
    #expect(status(Self.graph) == .done)
    #expect(status(Self.graph, sets: ["model=gone"]) == .missingFile)
    #expect(status(Self.graph, sets: ["steps=0"]) == .invalid)
    #expect(status(Self.graph, sets: ["steps=0", "model=gone"]) == .invalid)
    #expect(status(Self.graph, sets: ["steps"]) == .usage)
    #expect(status(Self.graph, targets: ["nothing"]) == .usage)
    #expect(throws: FileError("open", "/nowhere/graph.yaml", code: ENOENT)) {
      try GraphValidator(catalog: harness.catalog).validate(
        GraphRequest(path: "/nowhere/graph.yaml"))
    }
    #expect(FileError("open", "x", code: ENOENT).exitStatus == .missingFile)
    #expect(FileError("write", "x", code: ENOSPC).exitStatus == .temporary)
    #expect(FileError("write", "x", code: EIO).exitStatus == .ioError)
  }
}
