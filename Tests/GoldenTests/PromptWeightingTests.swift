import Foundation
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Weighted prompts against a reference written from the two definitions, by tools/goldens/weighting_make.py.
@Suite struct PromptWeightingTests {
  private let golden: GoldenFolder
  private let prompts: [String: JSONValue]
  private let chunks: JSONValue
  /// Final states, padded with the end token.
  private let first: WeightedTextEncoder
  /// Penultimate states, padded with token 0, as SDXL's second encoder.
  private let second: WeightedTextEncoder
  /// The second one's.
  private let tokenizer: CLIPTokenizer

  init() throws {
    let golden = try GoldenFolder("weighting")
    self.golden = golden
    prompts = try #require(try golden.json("prompts.json").objectValue)
    chunks = try golden.json("chunks.json")
    let folder = GoldenFolder.root.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "NodesTests/Goldens/tiny/model/tokenizer").path()
    let tokenizer = try Self.padded(folder)
    self.tokenizer = tokenizer
    let weights = try WeightScope(golden.weights())
    func model(_ name: String) throws -> CLIPTextModel {
      try CLIPTextModel(
        weights[name], config: CLIPTextConfig(json: golden.json("\(name).json")))
    }
    first = WeightedTextEncoder(
      tokenizer: try CLIPTokenizer(folder: folder), model: try model("first"),
      isPenultimate: false)
    second = WeightedTextEncoder(
      tokenizer: tokenizer, model: try model("second"), isPenultimate: true)
  }

  /// The same tokenizer, filling up with token 0.
  private static func padded(_ folder: String) throws -> CLIPTokenizer {
    let scratch = try TemporaryFolder()
    let copy = scratch.url.appending(path: "padded")
    try FileManager.default.copyItem(at: URL(filePath: folder), to: copy)
    for name in ["tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"] {
      let file = copy.appending(path: name)
      guard let text = try? String(contentsOf: file, encoding: .utf8),
        var entries = try JSONValue.parse(text).objectValue
      else { continue }
      entries["pad_token"] = "!"
      try Data(JSONValue.object(entries).canonicalText().utf8).write(to: file)
    }
    let tokenizer = try CLIPTokenizer(folder: copy.path())
    try #require(tokenizer.padID == 0)
    return tokenizer
  }

  private static let kinds: [(String, PromptWeighting)] = [("webui", .a1111), ("comfy", .comfy)]

  @Test func everyPromptIsCutIntoTheSameChunks() throws {
    for (name, prompt) in prompts {
      for (kind, weighting) in Self.kinds {
        let found = PromptChunker.chunks(
          of: try #require(prompt.stringValue), tokenizer: tokenizer, weighting: weighting)
        let expected = try #require(chunks["\(name).\(kind)"]?.arrayValue)
        #expect(found.count == expected.count, "\(name) \(kind)")
        for (chunk, pair) in zip(found, expected) {
          let parts = try #require(pair.arrayValue)
          let ids = (parts[0].arrayValue ?? []).compactMap(\.intValue)
          let weights = (parts[1].arrayValue ?? []).compactMap(\.doubleValue)
          #expect(chunk.ids == ids, "\(name) \(kind)")
          let isClose = zip(chunk.weights, weights).allSatisfy { abs(Double($0) - $1) < 1e-6 }
          #expect(isClose && chunk.weights.count == weights.count, "\(name) \(kind)")
        }
      }
    }
  }

  @Test func everyPromptIsEncodedAsTheReferenceDoes() throws {
    for (name, prompt) in prompts {
      for (kind, weighting) in Self.kinds {
        for (number, encoder) in [("first", first), ("second", second)] {
          let text = try #require(prompt.stringValue)
          let found = try encoder(text, weighting: weighting)
          let key = "\(name).\(kind).\(number)"
          expectClose(found.states.everyThird, try golden(key), key)
          expectClose(found.pooled, try golden("\(key).pooled"), key)
        }
      }
    }
  }

  /// Leaving the weights out, or taking the other rule, gives something else.
  @Test(arguments: ["simple", "number", "nested", "zero", "long"])
  func weightsAreNoticed(_ name: String) throws {
    let prompt = try #require(prompts[name]?.stringValue)
    let bare = prompt.filter { !"()[]".contains($0) }
    for (kind, weighting) in Self.kinds {
      let other: PromptWeighting = weighting == .comfy ? .a1111 : .comfy
      let expected = try golden("\(name).\(kind).first")
      expectDiffers(try first(prompt, weighting: other).states.everyThird, expected, by: 10, kind)
      expectDiffers(try first(bare, weighting: weighting).states.everyThird, expected, kind)
    }
  }

  @Test func missingChunksAreEmpty() throws {
    let plain = try first("a red house", weighting: .comfy)
    let long = try first("a red house", weighting: .comfy, chunks: 2)
    let empty = try first("", weighting: .comfy)
    #expect(long.states.floats() == plain.states.floats() + empty.states.floats())
  }

  /// Deep nesting, thousands of brackets and giant numbers are prompts like any other.
  @Test func hostilePromptsAreRead() throws {
    let prompts = [
      String(repeating: "(", count: 20_000), String(repeating: "((a)", count: 5_000),
      String(repeating: "(", count: 5_000) + "a" + String(repeating: ")", count: 5_000),
      "(a:1e999) (b:nan) (c:inf) (d:99999999999999999999)", "\\", "(:", ":)", "[", "]", "()",
      "(:1)",
      "BREAK BREAK BREAK", "\u{0}(\u{1}:1.2)",
    ]
    for prompt in prompts {
      for (_, weighting) in Self.kinds {
        let chunks = PromptChunker.chunks(of: prompt, tokenizer: tokenizer, weighting: weighting)
        #expect(
          !chunks.isEmpty && chunks.allSatisfy { $0.ids.count == 77 && $0.weights.count == 77 })
      }
    }
  }

  @Test func encodingsOfDifferentLengthsAreRepeated() throws {
    let generator = (0..<154 * 4).map { Float($0 % 23) }
    let long = PromptCondition(embeddings: Tensor(generator, shape: [1, 154, 4]))
    let short = PromptCondition(
      embeddings: Tensor(Array(generator.prefix(77 * 4)), shape: [1, 77, 4]))
    let joined = try UNetConditions(joining: [short, long], batch: 2).text
    #expect(joined.shape == [4, 154, 4])
    let rows = joined.floats()
    #expect(Array(rows[0..<308]) == Array(generator.prefix(308)))
    #expect(Array(rows[308..<616]) == Array(generator.prefix(308)))
    #expect(Array(rows[2 * 616..<3 * 616]) == generator)
  }
}

extension Tensor {
  fileprivate var everyThird: Tensor {
    let values = floats()
    let kept = stride(from: 0, to: values.count, by: 3).map { values[$0] }
    return Tensor(kept, shape: [kept.count])
  }
}
