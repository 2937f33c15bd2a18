import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// IP-Adapter against diffusers: projectors, and UNets that look at images beside the text.
@Suite struct IPAdapterTests {
  private struct Fixture {
    let golden: GoldenFolder
    let unet: UNet2DConditionModel
    let adapter: IPAdapter

    init(_ name: String) throws {
      golden = try GoldenFolder(name)
      let base = try GoldenFolder(name.hasSuffix("sdxl") ? "unet_sdxl" : "unet_sd1")
      let config = try UNetConfig(json: base.config())
      unet = try UNet2DConditionModel(WeightScope(base.weights()), config: config)
      adapter = try IPAdapter(WeightScope(golden.weights()), unet: config)
    }

    /// What the encoder gave for each image: [2, images, …] taken apart.
    func images(_ name: String) throws -> [Tensor] {
      let all = try golden("\(name).encoded")
      return (0..<all.shape[1]).map { index in
        all.slice(axis: 1, index..<(index + 1)).reshaped([all.shape[0]] + all.shape.dropFirst(2))
      }
    }

    func masks(_ name: String) throws -> [Tensor] {
      guard golden.has("\(name).masks") else { return [] }
      let all = try golden("\(name).masks")
      return (0..<all.shape[1]).map { all.slice(axis: 1, $0..<($0 + 1)) }
    }

    func predict(_ name: String, _ prompts: [ImagePrompt], shared: Bool = false) throws -> Tensor {
      var conditions = UNetConditions(
        text: try golden("\(name).text"),
        pooled: golden.has("\(name).pooled") ? try golden("\(name).pooled") : nil,
        timeIDs: golden.has("\(name).time_ids") ? try golden("\(name).time_ids") : nil)
      conditions.imagePrompts = prompts
      return unet(try golden("\(name).sample"), timestep: 321, conditions: conditions)
    }
  }

  private static let adapters = ["ip_base", "ip_plus", "ip_full", "ip_base_sdxl"]

  @Test(arguments: adapters)
  func oneImage(name: String) throws {
    let fixture = try Fixture(name)
    let tokens = fixture.adapter.tokens(try fixture.images("one")[0])
    let expected = try fixture.golden("one.output")
    let reference = try fixture.golden("one.tokens")
    expectClose(tokens.reshaped(reference.shape), reference, "tokens")
    let prompt = fixture.adapter.prompt(tokens: [tokens], scale: 0.7)
    expectClose(try fixture.predict("one", [prompt]), expected)
    expectDiffers(try fixture.predict("one", []), expected, "without the image")
    let silent = fixture.adapter.prompt(tokens: [tokens], scale: 0)
    expectIdentical(
      try fixture.predict("one", [silent]), try fixture.predict("one", []))
  }

  @Test(arguments: ["ip_base", "ip_base_sdxl"])
  func twoImagesShareOneAttention(name: String) throws {
    let fixture = try Fixture(name)
    let tokens = try fixture.images("two").map { fixture.adapter.tokens($0) }
    let together = fixture.adapter.prompt(tokens: tokens, scale: 0.7)
    let expected = try fixture.golden("two.output")
    expectClose(try fixture.predict("two", [together]), expected)
    let apart = tokens.map { fixture.adapter.prompt(tokens: [$0], scale: 0.7) }
    expectDiffers(try fixture.predict("two", apart), expected, "in two attentions")
  }

  @Test(arguments: ["masked", "misfit"])
  func masksAndOwnScales(name: String) throws {
    let fixture = try Fixture("ip_base")
    let tokens = try fixture.images(name).map { fixture.adapter.tokens($0) }
    let masks = try fixture.masks(name)
    #expect(masks.count == 2)
    let expected = try fixture.golden("\(name).output")
    let prompts = zip(zip(tokens, masks), [Float(0.8), 0.5]).map { image, scale in
      fixture.adapter.prompt(tokens: [image.0], scale: scale, masks: [image.1])
    }
    expectClose(try fixture.predict(name, prompts), expected)
    let unmasked = zip(tokens, [Float(0.8), 0.5]).map {
      fixture.adapter.prompt(tokens: [$0], scale: $1)
    }
    expectDiffers(try fixture.predict(name, unmasked), expected, "without masks")
  }

  /// A mask per image in one prompt is the same as a prompt per image.
  @Test func masksInOnePrompt() throws {
    let fixture = try Fixture("ip_base")
    let tokens = try fixture.images("masked").map { fixture.adapter.tokens($0) }
    let masks = try fixture.masks("masked")
    let one = fixture.adapter.prompt(tokens: tokens, scale: 0.6, masks: masks)
    let two = zip(tokens, masks).map {
      fixture.adapter.prompt(tokens: [$0], scale: 0.6, masks: [$1])
    }
    expectIdentical(
      try fixture.predict("masked", [one]), try fixture.predict("masked", two))
  }

  @Test func layersAreNumberedDownUpMiddle() throws {
    let sd15 = try UNetConfig(json: [:]).crossAttentionLayers
    #expect(sd15.count == 16)
    #expect(sd15[6].path == "up_blocks.1.attentions.0.transformer_blocks.0.attn2")
    #expect(sd15[15].path == "mid_block.attentions.0.transformer_blocks.0.attn2")
    let sdxl = try UNetConfig(json: [
      "block_out_channels": [320, 640, 1280], "transformer_layers_per_block": [1, 2, 10],
      "attention_head_dim": [5, 10, 20],
      "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
      "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    ]).crossAttentionLayers
    #expect(sdxl.count == 70)
    // Keys 49, 109 and 121 of released files.
    #expect(sdxl[24].path.hasPrefix("up_blocks.0.attentions.0.transformer_blocks.0"))
    #expect(sdxl[54].path.hasPrefix("up_blocks.1.attentions.0"))
    #expect(sdxl[60].path.hasPrefix("mid_block"))
    let model = try Fixture("ip_base").unet
    #expect(model.config.crossAttentionLayers.count == model.crossAttentionCount)
  }

  @Test func scalesPerLayer() throws {
    let fixture = try Fixture("ip_base")
    let tokens = fixture.adapter.tokens(try fixture.images("one")[0])
    let layers = fixture.unet.config.crossAttentionLayers
    let all = try fixture.predict("one", [fixture.adapter.prompt(tokens: [tokens], scale: 1)])
    for skipped in [0, 6, layers.count - 1] {
      let scales = layers.indices.map { $0 == skipped ? Float(0) : 1 }
      let other = try fixture.predict(
        "one", [fixture.adapter.prompt(tokens: [tokens], scales: scales)])
      expectDiffers(other, all, by: 2, "without \(layers[skipped].path)")
    }
  }

  @Test func adaptersOfAnotherModelAreRefused() throws {
    let golden = try GoldenFolder("ip_base_sdxl")
    let sd1 = try UNetConfig(json: GoldenFolder("unet_sd1").config())
    #expect {
      try IPAdapter(WeightScope(golden.weights()), unet: sd1)
    } throws: { "\($0)".contains("image_proj.proj.weight") }
    let values = RawTensor([1], shape: [1])
    let face = MemorySource(["image_proj.norm.weight": values, "image_proj.proj.0.weight": values])
    #expect {
      try IPAdapter(WeightScope(face), unet: sd1)
    } throws: { "\($0)".contains("FaceID") }
    let empty = MemorySource(["image_proj.latents": values])
    #expect {
      try IPAdapter(WeightScope(empty), unet: sd1)
    } throws: { "\($0)".contains("latents") }
  }
}
