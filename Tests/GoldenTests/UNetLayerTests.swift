import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Every layer and block of the UNet alone, against diffusers.
@Suite struct UNetLayerTests {
  private let golden: GoldenFolder
  private let weights: WeightScope
  private let resnets = ResnetOptions(timeChannels: 40, groups: 8, eps: 1e-5)

  init() throws {
    golden = try GoldenFolder("unet_blocks")
    weights = WeightScope(try golden.weights())
  }

  @Test(arguments: [("resnet_same", 16), ("resnet_shortcut", 24)])
  func residualBlock(name: String, width: Int) throws {
    let block = try ResnetBlock2D(weights[name], from: 16, to: width, resnets)
    let (x, time) = (try golden("\(name).input"), try golden("\(name).time"))
    expectClose(block(x, time: StepTime(silu(time))), try golden("\(name).output"))
    expectDiffers(block(x, time: nil), try golden("\(name).output"), "without the time")
    expectDiffers(
      block(x, time: StepTime(time)), try golden("\(name).output"), "without its activation")
  }

  @Test func residualBlockWithoutTime() throws {
    let options = ResnetOptions(timeChannels: nil, groups: 4, eps: 1e-6)
    let block = try ResnetBlock2D(weights["resnet_timeless"], from: 16, to: 12, options)
    let output = block(try golden("resnet_timeless.input"), time: nil)
    expectClose(output, try golden("resnet_timeless.output"))
  }

  @Test func residualBlockScaled() throws {
    var options = resnets
    (options.outputScale, options.activation) = (1.5, .gelu)
    let block = try ResnetBlock2D(weights["resnet_scaled"], from: 16, to: 16, options)
    let output = block(
      try golden("resnet_scaled.input"), time: StepTime(gelu(try golden("resnet_scaled.time"))))
    expectClose(output, try golden("resnet_scaled.output"))
  }

  @Test(arguments: [("transformer_conv", false, 1), ("transformer_linear", true, 2)])
  func transformer(name: String, linear: Bool, depth: Int) throws {
    var count = 0
    let options = TransformerOptions(
      channels: 16, heads: 2, contextWidth: 12, groups: 8, linearProjection: linear)
    let model = try Transformer2DModel(weights[name], depth: depth, options, contextCount: &count)
    #expect(count == depth)
    let (x, text) = (try golden("\(name).input"), try golden("\(name).text"))
    let output = model(x, contexts: model.blocks.map { $0.context(text: text) })
    expectClose(output, try golden("\(name).output"))
    let silent = model.blocks.map { $0.context(text: text * 0) }
    expectDiffers(model(x, contexts: silent), output, "without the text")
  }

  @Test func blockThatOnlyLooksAtTheText() throws {
    let name = "block_only_cross"
    let options = TransformerOptions(
      channels: 16, heads: 2, contextWidth: 12, groups: 8, onlyCrossAttention: true)
    let block = try BasicTransformerBlock(weights[name], options)
    let context = block.context(text: try golden("\(name).text"))
    expectClose(block(try golden("\(name).input"), context: context), try golden("\(name).output"))
  }

  @Test(arguments: [("downsample", 1), ("downsample_asymmetric", 0)])
  func downsampler(name: String, padding: Int) throws {
    let layer = try Downsample2D(weights[name], channels: 16, padding: padding)
    expectClose(layer(try golden("\(name).input")), try golden("\(name).output"))
    let other = try Downsample2D(weights[name], channels: 16, padding: 1 - padding)
    let x = try golden("\(name).input").slice(axis: 2, 0..<8)
    expectDiffers(other(x), layer(x), "with the other padding")
  }

  @Test(arguments: ["upsample_double", "upsample_sized", "upsample_odd"])
  func upsampler(name: String) throws {
    let layer = try Upsample2D(weights[name], channels: 16)
    let expected = try golden("\(name).output")
    let x = try golden("\(name).input")
    expectClose(layer(x, to: (expected.shape[2], expected.shape[3])), expected)
    if name == "upsample_double" { expectClose(layer(x), expected) }
  }

  @Test func sinusoids() throws {
    let steps = try golden("time.steps").floats()
    let cosineFirst = Timesteps(channels: 34)(steps)
    expectClose(cosineFirst, try golden("time.cosine_first"))
    let sineFirst = Timesteps(channels: 34, cosineFirst: false, frequencyShift: 1)(steps)
    expectClose(sineFirst, try golden("time.sine_first"))
    expectDiffers(sineFirst, cosineFirst)
  }

  @Test func guidanceSinusoids() throws {
    let expected = try golden("time.guidance")
    let weights = try golden("time.guidance_weights").floats()
    // Angles of thousands amplify the last bit of a frequency; the reference has it no better.
    let tolerance = Tolerance(maxError: 1e-3, nmse: 1e-7)
    expectClose(guidanceEmbedding(weights, channels: 36), expected, within: tolerance)
    expectDiffers(Timesteps(channels: 36)(weights.map { $0 * 1000 }), expected, "as a time step")
  }

  @Test func timeEmbedding() throws {
    let plain = try TimestepEmbedding(weights["time_embedding"], from: 16, to: 40)
    expectClose(plain(try golden("time_embedding.input")), try golden("time_embedding.output"))
    let name = "time_embedding_guided"
    let guided = try TimestepEmbedding(weights[name], from: 16, to: 40, conditionChannels: 12)
    let x = try golden("\(name).input")
    let output = guided(x, condition: try golden("\(name).condition"))
    expectClose(output, try golden("\(name).output"))
    expectDiffers(guided(x), output, "without the guidance")
  }
}
