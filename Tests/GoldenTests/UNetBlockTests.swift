import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// The down, middle and up blocks of the UNet, against diffusers.
@Suite struct UNetBlockTests {
  private let golden: GoldenFolder
  private let weights: WeightScope

  init() throws {
    golden = try GoldenFolder("unet_blocks")
    weights = WeightScope(try golden.weights())
  }

  private func level(_ channels: Int, down: [Int] = [], up: [Int] = [], layers: Int) -> UNetLevel {
    UNetLevel(
      channels: channels, layers: layers, heads: 2, contextWidth: 12, downDepths: down,
      upDepths: up)
  }

  private func config(_ levels: [UNetLevel]) -> UNetConfig {
    var config = UNetConfig(levels: levels)
    (config.groups, config.timeEmbeddingWidth) = (8, 40)
    return config
  }

  private func step(_ name: String, _ attentions: [Transformer2DModel]) throws -> UNetStep {
    let blocks = attentions.flatMap(\.blocks)
    let contexts = try blocks.map { $0.context(text: try golden("\(name).text")) }
    return UNetStep(time: StepTime(silu(try golden("\(name).time"))), contexts: contexts)
  }

  @Test(arguments: ["down", "down_final", "cross_down"])
  func down(name: String) throws {
    let depths = name == "cross_down" ? [1, 1] : []
    var levels = [level(8, layers: 2), level(16, down: depths, layers: 2)]
    if name != "down_final" { levels.append(level(16, layers: 1)) }
    var count = 0
    let block = try UNetDownBlock(weights[name], config(levels), level: 1, contextCount: &count)
    var skips: [Tensor] = []
    let output = block(
      try golden("\(name).input"), try step(name, block.attentions), feature: nil, skips: &skips)
    expectClose(output, try golden("\(name).output"))
    let expected = try golden.list("\(name).skip_out")
    #expect(skips.count == expected.count && expected.count == (name == "down_final" ? 2 : 3))
    for (skip, reference) in zip(skips, expected) { expectClose(skip, reference) }
  }

  @Test func middle() throws {
    var count = 0
    let block = try UNetMidBlock(
      weights["mid"], config([level(24, layers: 1)]), contextCount: &count)
    let output = block(try golden("mid.input"), try step("mid", block.attentions))
    expectClose(output, try golden("mid.output"))
  }

  @Test(arguments: ["up", "up_sized", "cross_up"])
  func up(name: String) throws {
    let depths = name == "cross_up" ? [1, 1, 1] : []
    let levels = [level(8, layers: 2), level(16, up: depths, layers: 2), level(24, layers: 1)]
    let expected = try golden("\(name).output")
    let skips = try golden.list("\(name).skip")
    #expect(skips.count == 3)
    var count = 0
    let block = try UNetUpBlock(weights[name], config(levels), level: 1, contextCount: &count)
    var all = [Tensor.zeros([2, 8, expected.shape[2], expected.shape[3]])] + skips
    let output = block(
      try golden("\(name).input"), try step(name, block.attentions), skips: &all)
    expectClose(output, expected)
    #expect(all.count == 1)
  }
}
