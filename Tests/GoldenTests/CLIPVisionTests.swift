import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// CLIP's image encoder against transformers.
@Suite struct CLIPVisionTests {
  @Test(arguments: ["gelu", "quick"])
  func encoding(name: String) throws {
    let golden = try GoldenFolder("clip_vision_\(name)")
    let config = try CLIPVisionConfig(json: golden.config())
    let model = try CLIPVisionModel(WeightScope(golden.weights()), config: config)
    let output = model(try golden("image.pixels"))
    expectClose(output.embedding, try golden("image.embedding"))
    expectClose(output.penultimateState, try golden("image.penultimate"))
    var other = config
    other.layer.activation = config.layer.activation == .gelu ? .quickGELU : .gelu
    let swapped = try CLIPVisionModel(WeightScope(golden.weights()), config: other)
    expectDiffers(
      swapped(try golden("image.pixels")).embedding, output.embedding, "with the other activation")
  }

  private static let refused: [(String, JSONValue)] = [
    ("hidden_act", "relu6"), ("patch_size", 5), ("num_attention_heads", 7), ("image_size", -1),
    ("num_hidden_layers", 1000),
  ]

  @Test(arguments: refused)
  func refusedOption(option: String, value: JSONValue) throws {
    var members = try GoldenFolder("clip_vision_gelu").config().objectValue ?? [:]
    members[option] = value
    #expect(throws: ModelError.self) { try CLIPVisionConfig(json: .object(members)) }
  }
}
