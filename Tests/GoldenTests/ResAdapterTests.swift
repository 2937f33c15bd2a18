import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// ResAdapter on a UNet, in the released form of two files, against diffusers.
@Suite struct ResAdapterTests {
  private let golden: GoldenFolder
  private let base: SafetensorsFile
  private let adapter: ResAdapterFiles
  private let config: UNetConfig

  init() throws {
    golden = try GoldenFolder("resadapter")
    let unet = try GoldenFolder("unet_sd1")
    base = try unet.weights()
    config = try UNetConfig(json: unet.config())
    adapter = try ResAdapterFiles(path: golden.path + "/adapter")
  }

  private func predict(lora: Float, norms: Float) throws -> Tensor {
    let first = try LoRASource(base: base, adapter: try #require(adapter.lora), scale: lora)
    let source = try ReplaceSource(
      base: first, replacements: try #require(adapter.norms), blend: norms)
    let model = try UNet2DConditionModel(WeightScope(source), config: config)
    return model(
      try golden("odd.sample"), timestep: 250,
      conditions: UNetConditions(text: try golden("odd.text")))
  }

  @Test func everyWeight() throws {
    let full = try golden("odd.full")
    let half = try golden("odd.half")
    expectClose(try predict(lora: 1, norms: 1), full)
    expectClose(try predict(lora: 0.5, norms: 1), half)
    expectClose(try predict(lora: 0, norms: 1), try golden("odd.norms_only"))
    expectClose(try predict(lora: 1, norms: 0), try golden("odd.lora_only"))
    expectDiffers(try predict(lora: 0, norms: 1), full, "without the LoRA")
    expectDiffers(try predict(lora: 1, norms: 0), full, "without the norms")
    expectDiffers(try predict(lora: 1, norms: 1), half, "at the full weight")
    expectDiffers(try predict(lora: 0, norms: 0), full, "without either")
  }

  @Test func atWeightZeroNothingChanges() throws {
    let bare = try UNet2DConditionModel(WeightScope(base), config: config)
    let output = bare(
      try golden("odd.sample"), timestep: 250,
      conditions: UNetConditions(text: try golden("odd.text")))
    expectIdentical(try predict(lora: 0, norms: 0), output)
  }
}
