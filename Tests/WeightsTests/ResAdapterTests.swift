import Foundation
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

/// The released adapters, which are not part of the repository.
private let released =
  (#filePath as NSString).deletingLastPathComponent + "/../../../shared/data/resadapter"

/// A source of shapes alone, as large as a real UNet without its bytes.
private struct ShapeSource: WeightSource {
  let shapes: [String: [Int]]
  var keys: [String] { shapes.keys.sorted() }
  func entry(_ key: String) -> WeightEntry? {
    shapes[key].map { WeightEntry(dtype: .float16, shape: $0) }
  }
  func tensor(_ key: String) throws -> RawTensor { throw missing(key) }
  var digest: String { "shapes" }

  /// The sampler convolutions and resnet norms of a UNet with these widths.
  init(widths: [Int], layers: Int = 2) {
    var shapes: [String: [Int]] = [:]
    func resnet(_ path: String, input: Int, output: Int) {
      for kind in ["weight", "bias"] {
        shapes["\(path).norm1.\(kind)"] = [input]
        shapes["\(path).norm2.\(kind)"] = [output]
      }
    }
    var skips = [widths[0]]
    var width = widths[0]
    for (level, output) in widths.enumerated() {
      for layer in 0..<layers {
        resnet("down_blocks.\(level).resnets.\(layer)", input: width, output: output)
        width = output
        skips.append(width)
      }
      guard level + 1 < widths.count else { continue }
      shapes["down_blocks.\(level).downsamplers.0.conv.weight"] = [width, width, 3, 3]
      skips.append(width)
    }
    for layer in 0..<2 { resnet("mid_block.resnets.\(layer)", input: width, output: width) }
    for (level, output) in widths.reversed().enumerated() {
      for layer in 0...layers {
        resnet(
          "up_blocks.\(level).resnets.\(layer)", input: width + (skips.popLast() ?? 0),
          output: output)
        width = output
      }
      if level + 1 < widths.count {
        shapes["up_blocks.\(level).upsamplers.0.conv.weight"] = [width, width, 3, 3]
      }
    }
    self.shapes = shapes
  }

  static let sd15 = ShapeSource(widths: [320, 640, 1280, 1280])
  static let sdxl = ShapeSource(widths: [320, 640, 1280])
}

@Suite(
  "Released ResAdapters",
  .enabled(
    if: FileManager.default.fileExists(atPath: released),
    "skipped: ../shared/data/resadapter is absent"))
struct ReleasedResAdapterTests {
  @Test("files are as published: keys, ranks, scale, parameters")
  func files() throws {
    for (name, lora, norms, parameters) in [
      ("resadapter_v1_sd1.5", 18, 88, 970_240), ("resadapter_v1_sdxl", 12, 68, 527_360),
    ] {
      let adapter = try ResAdapterFiles(path: "\(released)/\(name)")
      let loraPart = try #require(adapter.lora)
      let normPart = try #require(adapter.norms)
      #expect(loraPart.source.keys.count == lora && normPart.keys.count == norms)
      #expect(loraPart.modules.allSatisfy { $0.scale == 0.5 && $0.rank == 16 })
      #expect(loraPart.components == [.unet] && loraPart.dialect == "kohya")
      let matrices = loraPart.source.keys.filter { !$0.hasSuffix(".alpha") }
        .compactMap { loraPart.source.entry($0)?.count }
      let values = normPart.keys.compactMap { normPart.entry($0)?.count }
      #expect((matrices + values).reduce(0, +) == parameters)
    }
  }

  @Test("tensors at odd addresses are read right")
  func alignment() throws {
    let path = "\(released)/resadapter_v1_sd1.5/pytorch_lora_weights.safetensors"
    let file = try SafetensorsFile(path: path)
    let misaligned = try file.keys.filter { key in
      try file.tensor(key).withUnsafeBytes { UInt(bitPattern: $0.baseAddress) % 4 != 0 }
    }
    #expect(!misaligned.isEmpty)
    for key in misaligned {
      let tensor = try file.tensor(key)
      let direct = tensor.withUnsafeBytes { bytes in
        Float(bytes.loadUnaligned(fromByteOffset: bytes.count - 2, as: Float16.self))
      }
      #expect(tensor.floats().last == direct && direct.isFinite)
    }
  }

  @Test("each fits its own family and is refused by the other, before any weight is read")
  func families() throws {
    let small = try ResAdapterFiles(path: "\(released)/resadapter_v1_sd1.5")
    let large = try ResAdapterFiles(path: "\(released)/resadapter_v1_sdxl")
    // `ShapeSource` throws when a tensor is read, so these pass by headers alone.
    #expect(try small.validate(against: ShapeSource.sd15).matched.count == 6 + 88)
    #expect(try large.validate(against: ShapeSource.sdxl).matched.count == 4 + 68)
    let message = refusal { _ = try large.validate(against: ShapeSource.sd15) }
    #expect(message?.contains("resadapter_v1_sdxl/pytorch_lora_weights.safetensors") == true)
    #expect(message?.contains("lora_unet_up_blocks_1_upsamplers_0_conv.lora_down.weight") == true)
    #expect(message?.contains("[640, 640, 3, 3]") == true)
    #expect(message?.contains("[1280, 1280, 3, 3]") == true)
    #expect(refusal { _ = try small.validate(against: ShapeSource.sdxl) } != nil)
    let norms = try #require(large.norms)
    #expect(refusal { _ = try ReplaceSource(base: ShapeSource.sd15, replacements: norms) } != nil)
  }
}

@Suite("ResAdapter files")
struct ResAdapterFileTests {
  static let conv = "down_blocks.0.downsamplers.0.conv"
  static let norm = "down_blocks.0.resnets.0.norm1"

  let folder: TemporaryFolder
  let base = MemorySource([
    conv + ".weight": testTensor([4, 4, 3, 3], seed: 1), norm + ".weight": testTensor([4], seed: 2),
    norm + ".bias": testTensor([4], seed: 3),
  ])
  let kohya = [
    "lora_unet_down_blocks_0_downsamplers_0_conv.lora_down.weight": testTensor(
      [2, 4, 3, 3], seed: 4),
    "lora_unet_down_blocks_0_downsamplers_0_conv.lora_up.weight": testTensor(
      [4, 2, 1, 1], seed: 5),
    "lora_unet_down_blocks_0_downsamplers_0_conv.alpha": RawTensor([1], shape: []),
  ]
  let norms = [
    norm + ".weight": testTensor([4], seed: 6), norm + ".bias": testTensor([4], seed: 7),
  ]

  init() throws { folder = try TemporaryFolder() }

  private func check(_ adapter: ResAdapterFiles, lora: Bool = true, norms: Bool = true) throws {
    let source = try adapter.applied(to: base)
    let isMerged = try !identical(
      source.tensor(Self.conv + ".weight"), base.tensor(Self.conv + ".weight"))
    #expect(isMerged == lora)
    let expected =
      try norms ? #require(self.norms[Self.norm + ".weight"]) : base.tensor(Self.norm + ".weight")
    #expect(identical(try source.tensor(Self.norm + ".weight"), expected))
  }

  @Test("folders of every naming are read")
  func folders() throws {
    let peft = [
      "unet.\(Self.conv).lora_A.weight": testTensor([2, 4, 3, 3], seed: 4),
      "unet.\(Self.conv).lora_B.weight": testTensor([4, 2, 1, 1], seed: 5),
    ]
    let cases: [(String, [String: RawTensor], String)] = [
      ("pytorch_lora_weights", kohya, "diffusion_pytorch_model"),
      ("resolution_lora", kohya, "resolution_normalization"),
      ("pytorch_lora_weights", peft, "groupnorm_state_dict"),
    ]
    for (index, (lora, tensors, norm)) in cases.enumerated() {
      try folder.write(tensors, to: "\(index)/\(lora).safetensors")
      try folder.write(norms, to: "\(index)/\(norm).safetensors")
      try check(ResAdapterFiles(path: folder.file("\(index)")))
    }
  }

  @Test("either part may be absent, and one file may hold either or both")
  func parts() throws {
    try folder.write(kohya, to: "lora/pytorch_lora_weights.safetensors")
    try check(ResAdapterFiles(path: folder.file("lora")), norms: false)
    try check(
      ResAdapterFiles(path: folder.file("lora/pytorch_lora_weights.safetensors")), norms: false)
    try folder.write(norms, to: "norms/diffusion_pytorch_model.safetensors")
    try check(ResAdapterFiles(path: folder.file("norms")), lora: false)
    let both = kohya.merging(norms) { $1 }
    try check(ResAdapterFiles(path: folder.write(both, to: "both.safetensors")))
    let prefixed = Dictionary(uniqueKeysWithValues: norms.map { ("unet." + $0.key, $0.value) })
    try check(
      ResAdapterFiles(path: folder.write(prefixed, to: "prefixed.safetensors")), lora: false)
  }

  @Test("norms saved by torch, nested or flat, are read", arguments: ["nested", "flat"])
  func torchNorms(form: String) throws {
    let path = "\(fixtures)/torch/groupnorm_\(form).pt"
    let adapter = try ResAdapterFiles(path: path)
    #expect(adapter.lora == nil)
    let norms = try #require(adapter.norms)
    #expect(
      norms.keys == (try SafetensorsFile(path: "\(fixtures)/torch/groupnorm.safetensors").keys))
    try FileManager.default.copyItem(atPath: path, toPath: folder.file("groupnorm_state_dict.pt"))
    #expect(try ResAdapterFiles(path: folder.path).norms?.keys.count == 8)
  }

  @Test("weights scale the LoRA, norm weights blend the norms")
  func weights() throws {
    let adapter = try ResAdapterFiles(path: folder.write(kohya.merging(norms) { $1 }, to: "x"))
    let key = Self.norm + ".weight"
    let own = try base.tensor(key).floats()
    let released = try #require(norms[key]).floats()
    for weight: Float in [0, 0.25, 1, 1.5, -0.5] {
      let source = try adapter.applied(to: base, normWeight: weight)
      let keep = min(max(1 - weight, 0), 1)
      let expected = weight == 0 ? own : zip(own, released).map { keep * $0 + weight * $1 }
      #expect(zip(try source.tensor(key).floats(), expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }
    let conv = Self.conv + ".weight"
    let one = try adapter.applied(to: base, weight: 1).tensor(conv).floats()
    let two = try adapter.applied(to: base, weight: 2).tensor(conv).floats()
    let zero = try base.tensor(conv).floats()
    #expect(zip(zip(zero, one), two).allSatisfy { abs(2 * ($0.1 - $0.0) - ($1 - $0.0)) < 1e-5 })
    #expect(try adapter.applied(to: base, weight: 0, normWeight: 0).digest == base.digest)
    let digests = try [(1, 1), (0.5, 1), (1, 0.5)].map {
      try adapter.applied(to: base, weight: $0.0, normWeight: $0.1).digest
    }
    #expect(Set(digests).count == 3)
  }

  @Test("what is no ResAdapter is refused by name")
  func others() throws {
    #expect(
      refusal { _ = try ResAdapterFiles(path: folder.path) }?.contains("no ResAdapter") == true)
    let unet = try folder.write(["conv_in.weight": testTensor([1])], to: "unet.safetensors")
    #expect(refusal { _ = try ResAdapterFiles(path: unet) }?.contains("'conv_in.weight'") == true)
    let mixed = try folder.write(
      kohya.merging(["x": testTensor([1])]) { $1 }, to: "mixed.safetensors")
    #expect(refusal { _ = try ResAdapterFiles(path: mixed) }?.contains("'x'") == true)
    let unknown = try folder.write(
      ["down_blocks.7.resnets.0.norm1.weight": testTensor([4])], to: "u.safetensors")
    let adapter = try ResAdapterFiles(path: unknown)
    #expect(refusal { _ = try adapter.validate(against: base) }?.contains("down_blocks.7") == true)
  }

  @Test("an ordinary LoRA is refused, and what goes beyond a ResAdapter is noted")
  func ordinaryLoRAs() throws {
    func pair(_ module: String) -> [String: RawTensor] {
      [
        "\(module).lora_down.weight": testTensor([2, 4]),
        "\(module).lora_up.weight": testTensor([4, 2]),
      ]
    }
    let query = pair("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q")
    let text = pair("lora_te_text_model_encoder_layers_0_mlp_fc1")
    let plain = try folder.write(query, to: "plain.safetensors")
    #expect(refusal { _ = try ResAdapterFiles(path: plain) }?.contains("use LoRALoad") == true)
    try folder.write(query, to: "plain/pytorch_lora_weights.safetensors")
    try folder.write(norms, to: "plain/diffusion_pytorch_model.safetensors")
    let path = folder.file("plain")
    #expect(refusal { _ = try ResAdapterFiles(path: path) }?.contains("not a ResAdapter") == true)
    #expect(try ResAdapterFiles(path: folder.write(kohya, to: "own.safetensors")).notes.isEmpty)
    let wide = try folder.write(
      kohya.merging(query) { $1 }.merging(text) { $1 }, to: "wide.safetensors")
    let notes = try ResAdapterFiles(path: wide).notes
    #expect(notes.count == 2)
    #expect(notes.first?.contains("attn1_to_q") == true)
    #expect(notes.last?.contains("text-encoder part is ignored") == true)
  }

  @Test("sizes outside the model card are warned of")
  func ranges() {
    let range = ResAdapterRange.named(by: "models/resadapter_v2_sd1.5")
    #expect(range?.warning(width: 1024, height: 512) == nil)
    #expect(range?.warning(width: 1152, height: 512)?.contains("128 to 1024") == true)
    #expect(range?.warning(width: 1024, height: 256)?.contains("0.28 to 3.5") == true)
    let file = "a/resadapter_v1_sdxl_extrapolation/pytorch_lora_weights.safetensors"
    #expect(ResAdapterRange.named(by: file)?.warning(width: 768, height: 1024) != nil)
    #expect(ResAdapterRange.named(by: "models/mine") == nil)
  }
}
