import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// ControlNets in one file with the original names; made by tools/goldens/controlnet_file_make.py.
@Suite struct ControlNetFileTests {
  private static let folder = GraphRun.goldens.appending(path: "controlnet-file")

  @Test(arguments: [("sd15", "sd15.pth"), ("sd2", "sd2.safetensors")])
  func residualsEqualDiffusers(_ family: String, _ file: String) throws {
    let files = try ControlNetFiles(path: Self.folder.appending(path: file).path())
    #expect(files.family == family)
    let goldens = try SafetensorsFile(
      path: Self.folder.appending(path: "expected.safetensors").path())
    func golden(_ name: String) throws -> Tensor {
      Tensor(try goldens.tensor("\(family).\(name)"))
    }
    let model = try ControlNetModel(WeightScope(files.layout.source), config: files.config)
    let found = model(
      try golden("sample"), timestep: 321,
      conditions: UNetConditions(text: try golden("text")), hint: model.hint(try golden("hint")),
      scale: 0.7)
    #expect(relativeError(found.mid, try golden("mid")) < 2e-4)
    for (index, tensor) in found.down.enumerated() {
      #expect(relativeError(tensor, try golden("down.\(index)")) < 2e-4)
    }
    #expect(goldens.keys.count { $0.hasPrefix("\(family).down.") } == found.down.count)
  }

  @Test func aFileOfAnotherKindIsRefused() {
    let path = TinyModel.path("model/unet/diffusion_pytorch_model.safetensors").resolved
    let error = #expect(throws: WeightError.self) { try ControlNetFiles(path: path) }
    #expect(error?.description.contains("is no ControlNet") == true)
  }

  @Test func diffusersNamesWithoutAConfigurationAreRead() throws {
    let path = TinyModel.path("controlnet/diffusion_pytorch_model.safetensors").resolved
    let layout = try ControlNetLayout(path: path)
    #expect(layout.family == .sd1)
    #expect(layout.config.ints("block_out_channels") == [16, 32])
    #expect(layout.config.ints("conditioning_embedding_out_channels") == [8, 8, 16, 16])
    #expect(layout.config.int("cross_attention_dim") == 32)
  }
}
