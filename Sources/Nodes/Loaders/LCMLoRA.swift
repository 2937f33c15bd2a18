import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// Puts an LCM-LoRA on a denoiser.
struct LCMLoRA: NodeType {
  static let name = "LCM-LoRA"
  static let summary = """
    Puts an LCM-LoRA on a denoiser, which then needs two to eight steps, with `sampler: lcm` and a \
    guidance of 1 to 2.
    """
  static let resources = ResourceClass.light

  @Input("Denoiser") var unet: UNetRecipe
  @Param("File, or folder of pytorch_lora_weights.safetensors") var path: InputPath
  @Param("Strength", min: -8, max: 8) var weight = 1.0
  @Output("Denoiser with the LoRA", name: "unet", family: .same(as: "unet"))
  var adapted: UNetRecipe

  init() {}

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try LoRAAdapter(path: path.resolved).digest]
  }

  mutating func run(_ context: NodeContext) throws {
    let adapter = try LoRAAdapter(path: path.resolved)
    let overlay = WeightOverlay.lora(adapter, path: path.resolved, scale: weight)
    adapted = unet
    adapted.checkpoint = try unet.checkpoint.adding(overlay, to: [.unet], as: path, context)
  }
}
