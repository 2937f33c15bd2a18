import Foundation
import TestSupport
import Testing

@testable import GraphRuntime

/// Broken graphs made by rule: each must give a located error, without a crash or much memory.
@Suite("Malformed graphs", .serialized)
struct MalformedGraphTests {
  static let sound = """
    version: 1
    name: sound
    description: "a graph: that works"
    params:
      steps: {type: int, default: 4, min: 1, max: 50}
      amount: {type: float, default: 0.5, min: 0, max: 1}
      prompt: {type: string, default: 'it''s a text'}
      seed: {type: seed, default: 42}
    x-shared: &shared [1, 2]
    nodes:
      base: {type: ModelLoad, path: small.model, weight: 1.0}
      wide: {type: Adapter-Load, model: $base.model, path: small.adapter}
      one:
        type: Constant
        value: 1
        note: |
          some text
          in lines
      draw: {type: Sample@1, model: $wide, extras: [$one, $one], steps: $params.steps,
        seed: $params.seed, prompt: "${params.prompt} twice"}
      half: {type: Divide, number: $draw, by: 2}
      text: {type: Everything, amount: $params.amount, labels: [a, "b"], x-more: *shared}
    outputs:
      result: $half.quotient
      words: {value: $text, path: "w-{seed}.txt"}
    """

  /// One change that breaks one rule: what to replace, and by what.
  static let replacements: [(String, String)] = [
    ("version: 1", "version: 2"), ("version: 1", "version: one"), ("version: 1", "version: [1]"),
    ("version: 1\n", ""), ("version: 1", "version: 1.0"), ("version: 1", "version:"),
    ("name: sound", "name: ../sound"), ("name: sound", "name: {a: b}"), ("name: sound", "name: .x"),
    ("name: sound", "name: \"a\\nb\""), ("name: sound", "nme: sound"), ("name: sound", "name: 12"),
    ("description: \"a graph: that works\"", "description: a graph: that works"),
    ("description: \"a graph: that works\"", "description: [a]"),
    ("params:\n  steps", "params: 3\nx-p:\n  steps"), ("params:\n  steps", "parms:\n  steps"),
    ("type: int, default: 4", "type: integer, default: 4"),
    ("type: int, default: 4", "type: 3, default: 4"), ("type: int, default: 4", "default: 4"),
    ("type: int, default: 4", "type: int, default: four"),
    ("type: int, default: 4", "type: int, default: 4.5"),
    ("type: int, default: 4", "type: int, default: 0"),
    ("type: int, default: 4", "type: int, default: 51"),
    ("type: int, default: 4", "type: int, default: [4]"),
    ("type: int, default: 4", "type: int, default: {a: 4}"),
    ("type: int, default: 4", "type: int, default: true"),
    ("type: int, default: 4", "type: int, default: null"),
    ("type: int, default: 4", "type: int, required: true"),
    ("type: int, default: 4", "type: int, required: maybe, default: 4"),
    ("type: int, default: 4", "type: int, defualt: 4"),
    ("min: 1, max: 50", "min: 5, max: 1"), ("min: 1, max: 50", "min: low"),
    ("min: 1, max: 50", "max: .inf"), ("min: 1, max: 50", "multiple_of: 3"),
    ("min: 1, max: 50", "multiple_of: -2"), ("min: 1, max: 50", "multiple_of: 1.5"),
    ("min: 1, max: 50", "choices: [1, 2]"), ("min: 1, max: 50", "choices: []"),
    ("min: 1, max: 50", "choices: 4"), ("min: 1, max: 50", "choices: [[4]]"),
    ("min: 1, max: 50", "description: 4"), ("min: 1, max: 50", "type: int"),
    ("default: 0.5", "default: 1.5"), ("default: 0.5", "default: .nan"),
    ("default: 0.5", "default: half"), ("type: float", "type: seed"),
    ("default: 'it''s a text'", "default: 'it's a text'"),
    ("default: 'it''s a text'", "default: yes: no"), ("default: 'it''s a text'", "default: 1e3"),
    ("type: string", "type: enum"), ("type: string", "type: bool"),
    ("type: string", "type: path, min: 3"),
    ("default: 42", "default: -1"), ("default: 42", "default: 18446744073709551616"),
    ("default: 42", "default: 4.2"), ("default: 42", "default: radnom"),
    ("  seed: {type", "  steps: {type"), ("  seed: {type", "  9seed: {type"),
    ("  seed: {type", "  \"\": {type"), ("  seed: {type", "  [a]: {type"),
    ("  seed: {type", "  {a: b}: {type"), ("  seed: {type", "  ? {type"),
    ("&shared", "&"), ("*shared", "*sharde"), ("*shared", "*"),
    ("&shared [1, 2]", "&shared [*shared]"),
    ("x-shared", "y-shared"), ("nodes:\n", "node:\n"), ("nodes:\n", "nodes: {}\nx-nodes:\n"),
    ("nodes:\n", "nodes: []\nx-nodes:\n"), ("nodes:\n", "nodes:\nx-nodes:\n"),
    ("type: ModelLoad", "type: ModelLod"), ("type: ModelLoad", "type: [ModelLoad]"),
    ("type: ModelLoad", "type: ''"), ("type: ModelLoad", "type:"), ("type: ModelLoad, ", ""),
    ("type: ModelLoad", "type: ModelLoad@2"), ("type: ModelLoad", "type: ModelLoad@"),
    ("type: ModelLoad", "type: ModelLoad@1@1"), ("type: ModelLoad", "type: ModelLoad@0"),
    ("type: ModelLoad", "type: $base"), ("type: ModelLoad", "type: modelload"),
    ("path: small.model", "path: smal.model"), ("path: small.model", "path: 3"),
    ("path: small.model", "path: ''"), ("path: small.model", "path: \"a\\0b\""),
    ("path: small.model", "path: [small.model]"), ("path: small.model", "path: $one"),
    ("path: small.model", "path: large.model"), ("path: small.model", "path: small.adapter"),
    ("path: small.model", "path: ."), ("path: small.model", "path: /small.model"),
    ("path: small.model", "path: ~"), ("path: small.model", "path: $params.prompt"),
    ("path: small.model, ", ""), ("path: small.model", "pth: small.model"),
    ("weight: 1.0", "weight: 3"), ("weight: 1.0", "weight: -0.1"), ("weight: 1.0", "weight: one"),
    ("weight: 1.0", "weight: [1.0, 2.0]"), ("weight: 1.0", "weight: {v: 1}"),
    ("weight: 1.0", "weight: null"), ("weight: 1.0", "weight: $params.prompt"),
    ("weight: 1.0", "weight: .inf"), ("weight: 1.0", "weight: 1, weight: 1"),
    ("weight: 1.0", "<<: {weight: 1}"), ("weight: 1.0", "weight: !half 1"),
    ("weight: 1.0", "weight: !!int 1.5"), ("weight: 1.0", "when: true"),
    ("weight: 1.0", "foreach: [1]"), ("weight: 1.0", "cache: sometimes"),
    ("weight: 1.0", "note: [1]"), ("weight: 1.0", "imports: x"), ("weight: 1.0", "model: $base"),
    ("model: $base.model", "model: base.model"), ("model: $base.model", "model: $bas.model"),
    ("model: $base.model", "model: $base.modl"), ("model: $base.model", "model: $base.model.x"),
    ("model: $base.model", "model: $base."), ("model: $base.model", "model: $.model"),
    ("model: $base.model", "model: $params.model"), ("model: $base.model", "model: $params"),
    ("model: $base.model", "model: $item.x"), ("model: $base.model", "model: $one"),
    ("model: $base.model", "model: $wide"), ("model: $base.model", "model: $draw"),
    ("model: $base.model", "model: [$base]"), ("model: $base.model", "model: {$base: 1}"),
    ("model: $base.model", "model: \"${base}\""), ("model: $base.model", "model: null"),
    ("model: $base.model, ", ""), ("model: $base.model", "model: 4"),
    ("value: 1\n", "value: one\n"), ("value: 1\n", "value: 1.5\n"), ("value: 1\n", "value:\n"),
    ("value: 1\n", "value: [1]\n"), ("value: 1\n", "value: 99999999999999999999\n"),
    ("value: 1\n", "value: 0x\n"), ("value: 1\n", "value: @1\n"), ("value: 1\n", "value: `1`\n"),
    ("value: 1\n", "value: %1\n"), ("value: 1\n", "value: - 1\n"), ("value: 1\n", "value: 'a\n"),
    ("value: 1\n", "value: \"a\n"), ("value: 1\n", "value: \"\\q\"\n"),
    ("value: 1\n", "value: [\n"),
    ("value: 1\n", "value: {\n"), ("value: 1\n", "value: ]\n"), ("value: 1\n", "value: }\n"),
    ("value: 1\n", "value: 1\n   bad: 2\n"), ("value: 1\n", " value: 1\n"),
    ("value: 1\n", "value: 1\n\tnote: x\n"), ("value: 1\n", "value:\t1\n"),
    ("value: 1\n", "value: |3x\n"), ("value: 1\n", "value: &a &b 1\n"),
    ("extras: [$one, $one]", "extras: [$one, [$one]]"), ("extras: [$one, $one]", "extras: [1]"),
    ("extras: [$one, $one]", "extras: one"), ("extras: [$one, $one]", "extras: [$base]"),
    ("extras: [$one, $one]", "extras: [$one, $half]"), ("extras: [$one, $one]", "extras: [$draw]"),
    ("extras: [$one, $one]", "extras: {a: $one}"), ("extras: [$one, $one]", "extras: [$one $one"),
    ("extras: [$one, $one]", "extras: $half.plain"), ("extras: [$one, $one]", "extras: [null]"),
    ("steps: $params.steps,", "steps: $params.step,"), ("steps: $params.steps,", "steps: $one,"),
    ("steps: $params.steps,", "steps: \"${params.steps}\","),
    ("steps: $params.steps,", "steps: 101,"),
    ("steps: $params.steps,", "steps: 0,"), ("steps: $params.steps,", "steps: $params.amount,"),
    ("steps: $params.steps,", "steps: $half.plain,"), ("steps: $params.steps,", "steps: -1,"),
    ("seed: $params.seed,", "seed: -1,"), ("seed: $params.seed,", "seed: abc,"),
    ("seed: $params.seed,", "seed: 1.5,"), ("seed: $params.seed,", "method: other,"),
    ("seed: $params.seed,", "method: 3,"), ("seed: $params.seed,", "sede: 3,"),
    ("${params.prompt} twice", "${params.promt} twice"),
    ("${params.prompt} twice", "${params.prompt twice"),
    ("${params.prompt} twice", "${prompt} twice"), ("${params.prompt} twice", "${} twice"),
    ("${params.prompt} twice", "${draw.number} twice"), ("Sample@1", "Sample@1.0"),
    ("by: 2", "by: 2, by: 3"), ("number: $draw", "number: $half.rest"),
    ("labels: [a, \"b\"]", "labels: [a, [b]]"), ("labels: [a, \"b\"]", "labels: [a, 3]"),
    ("labels: [a, \"b\"]", "labels: {a: b}"), ("labels: [a, \"b\"]", "width: 65"),
    ("labels: [a, \"b\"]", "flag: yes"), ("labels: [a, \"b\"]", "file: nowhere.txt"),
    ("amount: $params.amount", "amount: $params.steps"),
    ("outputs:\n", "output:\n"), ("outputs:\n", "outputs: {}\nx-outputs:\n"),
    ("outputs:\n", "outputs: $half.quotient\nx-outputs:\n"),
    ("outputs:\n", "outputs:\nx-outputs:\n"),
    ("result: $half.quotient", "result: $half"),
    ("result: $half.quotient", "result: $half.quotent"),
    ("result: $half.quotient", "result: half.quotient"), ("result: $half.quotient", "result: 3"),
    ("result: $half.quotient", "result: [$half.quotient]"), ("result: $half.quotient", "result:"),
    ("result: $half.quotient", "result: $params.seed"), ("result: $half.quotient", "re/sult: $one"),
    ("result: $half.quotient", "result: {path: x}"), ("result: $half.quotient", "words: $one"),
    ("result: $half.quotient", "result: {value: $one, pth: x}"),
    ("result: $half.quotient", "result: {value: $one, path: 3}"),
    ("w-{seed}.txt", "../w.txt"), ("w-{seed}.txt", "/w.txt"), ("w-{seed}.txt", "w-{sed}.txt"),
    ("w-{seed}.txt", "w-{seed.txt"), ("w-{seed}.txt", "w-seed}.txt"), ("w-{seed}.txt", ""),
    ("w-{seed}.txt", "a//b"), ("w-{seed}.txt", "a/./b"), ("w-{seed}.txt", "{index:99}"),
    ("version: 1", "version: 1\n---\nversion: 1"), ("version: 1", "%YAML 3.0\n---\nversion: 1"),
    ("version: 1", "version: 1\nimports: {a: b.yaml}"), ("version: 1", "version: 1\nmatrix: {}"),
    ("version: 1", "version: 1\ndefaults: {Smple: {}}"), ("version: 1", "version: 1\ndefaults: 3"),
    ("version: 1", "version: 1\ndefaults: {Sample: 3}"),
    ("version: 1", "version: 1\ndefaults: {Sample: {stps: 3}}"),
    ("version: 1", "version: 1\ndefaults: {Sample: {method: many}}"),
    ("version: 1", "version: 1\ndefaults: {Sample: {type: many}}"),
    ("version: 1", "version: 1\nversion: 1"), ("version: 1", "- version: 1"),
  ]

  /// One folder of model files for all broken graphs.
  private static let harness = Result { try Harness() }

  private func check(_ bytes: [UInt8], _ what: String) throws {
    let harness = try Self.harness.get()
    let request = GraphRequest(path: harness.folder.path + "/graph.yaml", contents: bytes)
    do {
      _ = try GraphValidator(catalog: harness.catalog, environment: harness.environment)
        .validate(request)
      Issue.record("accepted: \(what)")
    } catch let found as Diagnostics {
      #expect(!found.errors.isEmpty, "no error: \(what)")
      #expect([.invalid, .missingFile].contains(found.exitStatus), "exit code: \(what)")
      for error in found.errors {
        #expect(!error.message.isEmpty)
        #expect(error.range.start.line >= 1 && error.range.start.column >= 1, "place: \(what)")
        #expect(error.range.file == request.path)
      }
      #expect(found.description.utf8.count < 200_000)
    }
  }

  @Test func theGraphIsSoundBeforeItIsBroken() throws {
    let harness = try Harness()
    #expect(harness.problems(Self.sound) == "")
    #expect(Self.replacements.count >= 200)
  }

  @Test(arguments: replacements.indices) func oneRuleBroken(_ index: Int) throws {
    let (old, new) = Self.replacements[index]
    let range = try #require(Self.sound.range(of: old))
    try check(Array(Self.sound.replacingCharacters(in: range, with: new).utf8), "\(old) -> \(new)")
  }

  @Test func truncatedAnywhere() throws {
    let bytes = Array(Self.sound.utf8)
    // From here on what is left is a sound graph with fewer outputs.
    let end = try #require(Self.sound.range(of: "outputs:"))
    let limit = Self.sound.utf8.distance(from: Self.sound.startIndex, to: end.upperBound)
    for count in stride(from: 0, to: limit, by: 7) {
      try check(Array(bytes[..<count]), "the first \(count) bytes")
    }
  }

  @Test func controlCharactersAndBadUTF8() throws {
    let bytes = Array(Self.sound.utf8)
    let place = bytes.count / 2
    let insertions: [[UInt8]] = [
      [0], [1], [7], [8], [0x0B], [0x0C], [0x1B], [0x1F], [0x7F], [0xC2, 0x80], [0xC2, 0x9F],
      [0xFF], [0xFE], [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xE2, 0x82],
      [0xEF, 0xBF, 0xBF], [0xEF, 0xBB, 0xBF], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ]
    for insertion in insertions {
      for position in [0, place, bytes.count] where position > 0 || insertion != [0xEF, 0xBB, 0xBF]
      {
        try check(
          bytes[..<position] + insertion + bytes[position...], "\(insertion) at \(position)")
      }
    }
    let utf16 = Self.sound.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    try check([0xFF, 0xFE] + utf16, "UTF-16")
  }

  /// Nothing but depth or length.
  private static func deepOrLong(_ many: Int) -> [(String, String)] {
    [
      ("deep flow lists", String(repeating: "[", count: many)),
      (
        "deep closed lists", String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
      ),
      ("deep flow mappings", String(repeating: "{a: ", count: many)),
      ("deep JSON", "{\"a\":" + String(repeating: "[", count: many)),
      ("deep block lists", String(repeating: "- ", count: many)),
      (
        "deep block mappings",
        (0..<300).map { String(repeating: " ", count: $0) + "a:" }
          .joined(separator: "\n")
      ),
      ("question marks", String(repeating: "? ", count: many)),
      ("anchors", (0..<20_000).map { "x-a\($0): &a\($0) 1" }.joined(separator: "\n")),
      ("giant scalar", "version: " + String(repeating: "x", count: 3_000_000)),
      ("giant key", String(repeating: "k", count: 3_000_000) + ": 1"),
      ("giant number", "version: " + String(repeating: "9", count: 1_000_000)),
      ("giant exponent", "version: 1e" + String(repeating: "9", count: 1_000_000)),
      (
        "giant type",
        "version: 1\nnodes: {a: {type: " + String(repeating: "T", count: 1_000_000) + "}}"
      ),
      (
        "giant reference",
        "version: 1\nnodes: {a: {type: Divide, number: $"
          + String(repeating: "n", count: 1_000_000) + "}}\noutputs: {x: $a.rest}"
      ),
      (
        "many holes",
        "version: 1\nnodes: {a: {type: Everything, amount: 1, text: \""
          + String(repeating: "${params.p}", count: 100_000) + "\"}}\noutputs: {x: $a}"
      ),
      ("too large", String(repeating: "#", count: (4 << 20) + 1)),
    ]
  }

  /// Many keys, values, copies or nodes.
  private static func numerous(_ many: Int) -> [(String, String)] {
    [
      ("many unknown keys", (0..<30_000).map { "k\($0): 1" }.joined(separator: "\n")),
      ("many values", "[" + String(repeating: "1,", count: many) + "1]"),
      ("laughs", laughs(copies: 10, levels: 12)),
      (
        "long laughs",
        "version: 1\nx-a: &a \"" + String(repeating: "a", count: 1_000_000)
          + "\"\nx-b: [" + String(repeating: "*a, ", count: 1000) + "*a]"
      ),
      (
        "deep laughs",
        (0..<100).map { "x-\($0): &a\($0) [\($0 == 0 ? "1" : "*a\($0 - 1)")]" }
          .joined(separator: "\n")
      ),
      (
        "many bad nodes",
        "version: 1\nnodes:\n"
          + (0..<15_000).map { "  n\($0): {type: Divide, number: $m\($0)}" }.joined(separator: "\n")
      ),
      (
        "long chain of a cycle",
        "version: 1\nnodes:\n"
          + (0..<8000).map { "  n\($0): {type: Divide, number: $n\(($0 + 1) % 8000).rest}" }
          .joined(separator: "\n") + "\noutputs: {x: $n0.rest}"
      ),
    ]
  }

  @Test(.slow) func hostileSizes() throws {
    let before = peakMemory()
    let many = 200_000
    for (what, text) in Self.deepOrLong(many) + Self.numerous(many) {
      try check(Array(text.utf8), what)
    }
    // All of them together, in one process: far less than any expansion would take.
    #expect(peakMemory() - before < 600 << 20)
  }

  @Test func longChainsAreFine() throws {
    let harness = try Harness()
    let count = 5000
    let nodes = (0..<count).map {
      "  n\($0): {type: Sum, numbers: [\($0 == 0 ? "$one" : "$n\($0 - 1)")]}"
    }
    let text =
      "version: 1\nnodes:\n  one: {type: Constant, value: 1}\n"
      + nodes.reversed().joined(separator: "\n") + "\noutputs: {x: $n\(count - 1)}"
    let plan = try Planner().plan(try harness.validate(text))
    #expect(plan.runCount == count + 1)
  }

  private static func laughs(copies: Int, levels: Int) -> String {
    var lines = ["x-a0: &a0 x"]
    for level in 1...levels {
      let items = Array(repeating: "*a\(level - 1)", count: copies).joined(separator: ", ")
      lines.append("x-a\(level): &a\(level) [\(items)]")
    }
    return lines.joined(separator: "\n")
  }

  /// The most memory the process has had, in bytes.
  private func peakMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
    let digits = line.filter(\.isNumber)
    return (Int(digits) ?? 0) << 10
  }
}
