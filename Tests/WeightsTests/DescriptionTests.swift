import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

@Suite("Descriptions of weight files")
struct DescriptionTests {
  @Test("checkpoints, models and adapters are recognised by header")
  func kinds() throws {
    let folder = try TemporaryFolder()
    func kind(_ keys: [String]) throws -> WeightDescription.Kind {
      var tensors: [String: RawTensor] = [:]
      for key in keys { tensors[key] = testTensor([1, 1]) }
      return try WeightDescription(path: folder.write(tensors, to: "x.safetensors")).kind
    }
    #expect(
      try WeightDescription(path: "\(fixtures)/single/sdxl.safetensors").kind == .checkpointFile)
    #expect(try WeightDescription(path: "\(fixtures)/lora/unet.safetensors").kind == .unet)
    #expect(
      try WeightDescription(path: "\(fixtures)/torch/groupnorm_nested.pt").kind == .resAdapter)
    #expect(try kind(["controlnet_cond_embedding.conv_in.weight"]) == .controlNet)
    #expect(try kind(["image_proj.norm.weight", "ip_adapter.1.to_k_ip.weight"]) == .ipAdapter)
    #expect(try kind(["adapter.body.0.resnets.0.block1.weight"]) == .t2iAdapter)
    #expect(try kind(["decoder.conv_in.weight"]) == .autoencoder)
    #expect(try kind(["text_model.final_layer_norm.weight"]) == .textEncoder)
    #expect(try kind(["x"]) == .unknown)
  }

  @Test("numbers and adapters are described")
  func numbers() throws {
    let description = try WeightDescription(path: "\(fixtures)/lora/kohya.safetensors")
    #expect(description.kind == .lora && description.format == "safetensors")
    #expect(description.adapter?.ranks == [2, 3, 4] && description.adapter?.alphas == [1, 1.5, 4])
    #expect(description.adapter?.components == [.unet, .textEncoder])
    #expect(description.adapter?.moduleCount == 21)
    #expect(description.elementTypes == ["float32": description.tensorCount])
    let file = try SafetensorsFile(path: "\(fixtures)/lora/kohya.safetensors")
    #expect(description.parameterCount == file.keys.reduce(0) { $0 + (file.entry($1)?.count ?? 0) })
    #expect(description.json.string("kind") == "LoRA")
    #expect(throws: WeightError.self) { try WeightDescription(path: "\(fixtures)/absent") }
  }
}
