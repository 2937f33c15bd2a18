import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// LoRAs in every spelling, several at once and by blocks, against diffusers; made by
/// tools/goldens/lora_pipeline_make.py.
@Suite struct LoRANodeTests {
  private let tolerance: Float = 5e-4
  private let model: TinyModel

  private static let folder = GraphRun.goldens.appending(path: "lora")

  init() throws { model = try TinyModel() }

  private func path(_ name: String) -> InputPath {
    InputPath(Self.folder.appending(path: name).path())
  }

  private func adapted(
    _ file: String, weight: Double, blocks: LoRABlocks? = nil,
    on previous: (unet: UNetRecipe, text: TextEncoderRecipe)? = nil
  ) throws -> (unet: UNetRecipe, text: TextEncoderRecipe) {
    var node = LoRALoad()
    node.unet = previous?.unet ?? model.unet
    node.textEncoder = previous?.text ?? model.textEncoder
    node.path = path(file)
    node.weight = weight
    node.blocks = blocks
    try node.run(model.context)
    return (node.adapted, node.adaptedEncoder)
  }

  private func error(
    _ models: (unet: UNetRecipe, text: TextEncoderRecipe), _ golden: String
  ) throws -> Float {
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    func encode(_ prompt: String) throws -> ConditioningValue {
      var node = TextEncode()
      node.textEncoder = models.text
      node.prompt = prompt
      try node.run(model.context)
      return node.conditioning
    }
    denoise.unet = models.unet
    denoise.positive = try encode(TinyModel.prompt)
    denoise.negative = try encode(TinyModel.negative)
    try denoise.run(model.context)
    let file = try SafetensorsFile(path: Self.folder.appending(path: "expected.safetensors").path())
    return relativeError(denoise.denoised.tensor, Tensor(try file.tensor(golden)))
  }

  @Test(arguments: ["kohya", "kohya-original", "peft", "diffusers", "diffusers-old"])
  func everySpellingEqualsDiffusers(_ spelling: String) throws {
    // Half precision rounds alpha / rank into the matrices of the spellings without alpha.
    let tolerance: Float = spelling.hasPrefix("kohya") ? 2e-3 : tolerance
    let models = try adapted("\(spelling).safetensors", weight: 0.7)
    #expect(try error(models, "one") < tolerance)
    #expect(try error((models.unet, model.textEncoder), "one") > 2 * tolerance, "without its text")
    #expect(try error((model.unet, models.text), "one") > 10 * tolerance, "without its denoiser")
  }

  @Test func severalLoRAsAddUp() throws {
    let first = try adapted("peft.safetensors", weight: 0.6)
    let both = try adapted("../pairs/lora-sd15", weight: 0.5, on: first)
    #expect(try error(both, "two") < tolerance)
    #expect(try error(first, "two") > 10 * tolerance)
  }

  @Test func blocksHaveTheirOwnWeights() throws {
    let blocks = try LoRABlocks(
      literal: .list(
        ["down=0.3", "mid=0", "up.1.0=0.5", "up.block_1.1 = 0.8", "base=0.6"].map { .string($0) }),
      paths: FileAccess())
    let models = try adapted("peft.safetensors", weight: 1, blocks: blocks)
    #expect(try error(models, "blocks") < tolerance)
    #expect(try error(adapted("peft.safetensors", weight: 1), "blocks") > 10 * tolerance)
  }

  @Test func aListNamesTheBlocksInOrder() throws {
    // base, IN01, MID, OUT02, OUT03: the blocks of the tiny model that have attention.
    let blocks = try LoRABlocks(
      literal: .list([.float(0.6), .float(0.3), .int(0), .float(0.5), .float(0.8)]),
      paths: FileAccess())
    #expect(try error(adapted("peft.safetensors", weight: 1, blocks: blocks), "blocks") < tolerance)
  }

  @Test func weightsOfOneChangeNothing() throws {
    let ones = try LoRABlocks(literal: .list([.string("up=1")]), paths: FileAccess())
    let plain = try adapted("peft.safetensors", weight: 0.7).unet
    let blocks = try adapted("peft.safetensors", weight: 0.7, blocks: ones).unet
    let key = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    let values = try [plain, blocks].map { try $0.source().tensor(key).floats() }
    #expect(values[0] == values[1])
    #expect(try values[0] != model.unet.source().tensor(key).floats())
    let zero = try LoRABlocks(literal: .list([.string("IN01=0")]), paths: FileAccess())
    let without = try adapted("peft.safetensors", weight: 0.7, blocks: zero).unet
    #expect(try without.source().tensor(key).floats() == model.unet.source().tensor(key).floats())
  }

  @Test(arguments: ["up.9=1", "IN07=1", "down.0.5=0.2"])
  func blocksThatAreNotThereAreNamed(_ text: String) throws {
    let blocks = try LoRABlocks(literal: .list([.string(text)]), paths: FileAccess())
    let error = #expect(throws: NodeError.self) {
      try adapted("peft.safetensors", weight: 1, blocks: blocks)
    }
    #expect(error?.port == "blocks")
  }

  @Test func aListOfAnotherLengthIsNamed() throws {
    let blocks = try LoRABlocks(literal: .list([.int(1), .int(0)]), paths: FileAccess())
    let error = #expect(throws: NodeError.self) {
      try adapted("peft.safetensors", weight: 1, blocks: blocks)
    }
    #expect(error?.message.contains("5 or 10 numbers") == true)
  }

  @Test(arguments: ["sideways=1", "up", "up=x", "up=.inf", "up.1.2.3=1", "IN-1=1", "=1"])
  func namesThatAreNoBlocksAreRefused(_ text: String) {
    #expect(throws: ValueMismatch.self) {
      try LoRABlocks(literal: .list([.string(text)]), paths: FileAccess())
    }
  }
}
