import TensorRuntime
import Testing

@testable import ResgraphWeights

/// Weights by block, on models with the blocks of the released families.
@Suite struct LoRABlockTests {
  /// A UNet of one-value tensors: the levels say whether they have attention.
  private func unet(down: [Bool], up: [Bool]) -> MemorySource {
    var tensors: [String: RawTensor] = [:]
    func add(_ key: String) { tensors[key + ".weight"] = RawTensor([1], shape: [1]) }
    for (prefix, levels, layers, sampler) in [
      ("down_blocks", down, 2, "downsamplers"), ("up_blocks", up, 3, "upsamplers"),
    ] {
      for (level, hasAttention) in levels.enumerated() {
        for layer in 0..<layers {
          add("\(prefix).\(level).resnets.\(layer).conv1")
          if hasAttention { add("\(prefix).\(level).attentions.\(layer).proj_in") }
        }
        if level < levels.count - 1 { add("\(prefix).\(level).\(sampler).0.conv") }
      }
    }
    ["mid_block.resnets.0.conv1", "mid_block.attentions.0.proj_in", "conv_in", "conv_out"]
      .forEach(add)
    return MemorySource(tensors)
  }

  private var sd15: MemorySource {
    unet(down: [true, true, true, false], up: [false, true, true, true])
  }

  private var sdxl: MemorySource { unet(down: [false, true, true], up: [true, true, false]) }

  private func factors(_ blocks: LoRABlockWeights, _ unet: MemorySource) throws -> [String: Double]
  {
    let factor = try blocks.factors(unet, .unet)
    return Dictionary(
      uniqueKeysWithValues: unet.keys.map { ($0.replacing(".weight", with: ""), factor($0)) })
  }

  @Test(arguments: [17, 26])
  func listsForSD15HaveTheCustomaryLengths(_ count: Int) throws {
    let blocks = LoRABlockWeights(list: (0..<count).map { Double($0) })
    let found = try factors(blocks, sd15)
    let text = try blocks.factors(sd15, .textEncoder)("text_model.anything")
    #expect(text == 0)
    if count == 17 {
      // base, IN01, 02, 04, 05, 07, 08, MID, OUT03 to OUT11.
      #expect(found["down_blocks.0.attentions.0.proj_in"] == 1)
      #expect(found["down_blocks.2.attentions.1.proj_in"] == 6)
      #expect(found["mid_block.attentions.0.proj_in"] == 7)
      #expect(found["up_blocks.1.attentions.0.proj_in"] == 8)
      #expect(found["up_blocks.3.attentions.2.proj_in"] == 16)
      #expect(found["down_blocks.0.downsamplers.0.conv"] == 1, "not in the list")
    } else {
      #expect(found["conv_in"] == 1)
      #expect(found["down_blocks.0.attentions.0.proj_in"] == 2)
      #expect(found["down_blocks.0.downsamplers.0.conv"] == 4)
      #expect(found["down_blocks.3.resnets.1.conv1"] == 12)
      #expect(found["mid_block.resnets.0.conv1"] == 13)
      #expect(found["up_blocks.0.upsamplers.0.conv"] == 16)
      #expect(found["up_blocks.3.resnets.2.conv1"] == 25)
      #expect(found["conv_out"] == 0)
    }
  }

  @Test(arguments: [12, 20])
  func listsForSDXLHaveTheCustomaryLengths(_ count: Int) throws {
    let blocks = LoRABlockWeights(list: (0..<count).map { Double($0) })
    let found = try factors(blocks, sdxl)
    let (middle, last) = count == 12 ? (5.0, 11.0) : (10, 16)
    #expect(found["mid_block.attentions.0.proj_in"] == middle)
    #expect(found["up_blocks.1.attentions.2.proj_in"] == last)
    #expect(throws: WeightError.self) { try blocks.check(unet: sd15) }
  }

  @Test func namesThatSayMoreWin() throws {
    let blocks = try LoRABlockWeights(
      named: ["up": 0.1, "up.1": 0.2, "up.1.0": 0.3, "OUT04": 0.4, "base": 0.5, "M00": 0.6])
    let found = try factors(blocks, sd15)
    #expect(found["up_blocks.2.resnets.0.conv1"] == 0.1)
    #expect(found["up_blocks.1.resnets.2.conv1"] == 0.2)
    #expect(found["up_blocks.1.upsamplers.0.conv"] == 0.2)
    #expect(found["up_blocks.1.attentions.0.proj_in"] == 0.3)
    #expect(found["up_blocks.1.attentions.1.proj_in"] == 0.4)
    #expect(found["conv_out"] == 0.5)
    #expect(found["mid_block.resnets.0.conv1"] == 0.6)
    #expect(found["down_blocks.0.resnets.0.conv1"] == 1)
  }

  @Test func oneNameInTwoSpellingsIsRefused() {
    #expect(throws: WeightError.self) {
      try LoRABlockWeights(named: ["down.1": 1, "down.block_1": 0.5])
    }
  }
}
