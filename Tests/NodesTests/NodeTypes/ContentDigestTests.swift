import Foundation
import GraphRuntime
import ResgraphFiles
import Testing

@testable import Resgraph

/// What a loader's cache key takes of the files that it names: those that are read, and no others.
@Suite struct ContentDigestTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The folder of the goldens that is loaded.
    let source: String
    /// Files that are read: a weight file is damaged at its end, a JSON file gets another member.
    let read: [String]
    let digests: @Sendable (_ folder: String) throws -> [String]?
  }

  private static let weights = "diffusion_pytorch_model.safetensors"

  static let cases: [Case] = [
    Case(
      testDescription: "CheckpointLoad", source: "tiny/model",
      read: [
        "unet/\(weights)", "unet/config.json", "vae/\(weights)", "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json",
      ],
      digests: {
        var node = CheckpointLoad()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "VAELoad", source: "tiny/model/vae", read: [weights, "config.json"],
      digests: {
        var node = VAELoad()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "ResAdapterLoad", source: "tiny/resadapter_v2_sd1.5",
      read: [weights, "pytorch_lora_weights.safetensors"],
      digests: {
        var node = ResAdapterLoad()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "LCM-LoRA", source: "tiny/lcm-lora",
      read: ["pytorch_lora_weights.safetensors"],
      digests: {
        var node = LCMLoRA()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "LoRALoad", source: "tiny/lcm-lora",
      read: ["pytorch_lora_weights.safetensors"],
      digests: {
        var node = LoRALoad()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "ControlNet", source: "tiny/controlnet", read: [weights, "config.json"],
      digests: {
        var node = ControlNet()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "T2IAdapter", source: "tiny/t2i-adapter", read: [weights, "config.json"],
      digests: {
        var node = T2IAdapter()
        node.path = InputPath($0)
        return try node.contentDigests(FileAccess())
      }),
    Case(
      testDescription: "IPAdapter", source: "ip-adapter",
      read: [
        "ip-adapter-base.safetensors", "image_encoder/model.safetensors",
        "image_encoder/config.json",
      ],
      digests: {
        var node = IPAdapter()
        node.path = InputPath($0 + "/ip-adapter-base.safetensors")
        return try node.contentDigests(FileAccess())
      }),
  ]

  @Test(arguments: cases) func followTheFilesThatAreRead(_ loader: Case) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(
      at: GraphRun.goldens.appending(path: loader.source), to: folder)
    let first = try #require(try loader.digests(folder.path()))
    #expect(!first.joined().contains(folder.path()), "a key must not depend on where files are")
    for name in loader.read {
      // Neither a text for people, nor another precision of the same weights, is read.
      let file = folder.appending(path: name)
      let beside = file.deletingLastPathComponent()
      try Data("read me".utf8).write(to: beside.appending(path: "README.md"))
      if file.pathExtension == "safetensors" {
        let stem = file.deletingPathExtension().lastPathComponent
        try FileManager.default.copyItem(
          at: file, to: beside.appending(path: "\(stem).fp16.safetensors"))
      }
    }
    #expect(try loader.digests(folder.path()) == first)
    for name in loader.read {
      let file = folder.appending(path: name)
      let content = try Data(contentsOf: file)
      try Self.changed(content, name).write(to: file)
      #expect(try loader.digests(folder.path()) != first, "\(name) is read")
      try content.write(to: file)
    }
    #expect(try loader.digests(folder.path()) == first)
  }

  private static func changed(_ content: Data, _ name: String) -> Data {
    var content = content
    if name.hasSuffix(".json"), let brace = content.firstIndex(of: UInt8(ascii: "{")) {
      content.insert(contentsOf: Data(#""unknown": 1, "#.utf8), at: brace + 1)
    } else {
      content[content.count - 1] ^= 1
    }
    return content
  }

  /// The digests reach the keys: a plan asks nodes that have not run for them.
  @Test func areWhatKeysAreMadeFrom() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.copyItem(at: GraphRun.goldens.appending(path: "tiny/model"), to: folder)
    func key() throws -> CacheKey? {
      let graph = """
        version: 1
        nodes:
          base: {type: CheckpointLoad, path: \(folder.path())}
          text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: a}
        outputs: {x: $text}
        """
      let request = GraphRequest(path: "graph.yaml", contents: Array(graph.utf8))
      let plan = try Planner(cache: MemoryCache(byteLimit: 1 << 20)).plan(
        try Engine().validate(request))
      return plan.steps.first { $0.node.id == "text" }?.key
    }
    let first = try #require(try key())
    try Data("read me".utf8).write(to: folder.appending(path: "README.md"))
    #expect(try key() == first)
    let config = folder.appending(path: "unet/config.json")
    try Self.changed(Data(contentsOf: config), "config.json").write(to: config)
    #expect(try key() != first)
  }
}
