import Foundation
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// What the check's script made, where it was run.
private let fullSizeFolder = ProcessInfo.processInfo.environment["RESGRAPH_FULL_UNET"]

/// A full-size UNet with a real ResAdapter against diffusers: heavy, so only run on demand.
///
/// `tools/goldens/full_unet_check.py` makes the folder that `RESGRAPH_FULL_UNET` names.
@Suite(.serialized, .enabled(if: fullSizeFolder != nil, "RESGRAPH_FULL_UNET is not set"))
struct FullSizeUNetTests {
  @Test func adaptedAndBare() throws {
    let folder = try #require(fullSizeFolder)
    let cases = try SafetensorsFile(path: folder + "/cases.safetensors")
    let adapterPath = try String(contentsOfFile: folder + "/adapter.txt", encoding: .utf8)
    let config = try UNetConfig(
      json: .parse(String(contentsOfFile: folder + "/unet/config.json", encoding: .utf8)))
    let base = try SafetensorsFile(path: folder + "/unet/diffusion_pytorch_model.safetensors")
    let adapter = try ResAdapterFiles(path: adapterPath)
    let lora = try LoRASource(base: base, adapter: try #require(adapter.lora), scale: 1)
    let full = try ReplaceSource(base: lora, replacements: try #require(adapter.norms))
    try compare("bare", base, cases, config, unlike: "adapted")
    try compare("adapted", full, cases, config, unlike: "bare")
  }

  private func compare(
    _ label: String, _ source: any WeightSource, _ cases: SafetensorsFile, _ config: UNetConfig,
    unlike other: String
  ) throws {
    let model = try UNet2DConditionModel(WeightScope(source), config: config)
    let keys = cases.keys.filter { $0.hasSuffix(".\(label)") }
    #expect(!keys.isEmpty, "no case of '\(label)' in the folder")
    for key in keys {
      let side = key.dropLast(label.count + 1)
      let conditions = UNetConditions(text: Tensor(try cases.tensor("\(side).text")))
      let sample = Tensor(try cases.tensor("\(side).sample"))
      let start = ContinuousClock.now
      let output = model(sample, timestep: 481, conditions: conditions)
      let seconds = start.duration(to: .now)
      let expected = Tensor(try cases.tensor(key))
      print("\(side)x\(side) \(label): \(seconds); \(Difference(output, from: expected))")
      expectClose(output, expected, "\(side) \(label)")
      expectDiffers(output, Tensor(try cases.tensor("\(side).\(other)")), "\(side) \(label)")
    }
    print("peak memory \(MemoryPool.peakBytes >> 20) MiB in the pool")
  }
}
