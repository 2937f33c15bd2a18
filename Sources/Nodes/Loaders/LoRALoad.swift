import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// Puts a LoRA on a denoiser, and on a text encoder.
struct LoRALoad: NodeType {
  static let summary = """
    Puts a LoRA on a denoiser, and on the text encoder where the file has a part for it. Several \
    LoRAs are several nodes, one after the other.
    """
  static let resources = ResourceClass.light

  @Input("Denoiser") var unet: UNetRecipe
  @Input("Text encoder; the checkpoint's own when left out", family: .same(as: "unet"))
  var textEncoder: TextEncoderRecipe?
  @Param("File, or folder of pytorch_lora_weights.safetensors") var path: InputPath
  @Param("Strength", min: -8, max: 8) var weight = 1.0
  @Param(
    "Strength by block, times `weight`: texts such as `down=0.5`, `mid=0`, `up.1=0.8`, `up.1.0=1`, "
      + "`IN04=0`, `OUT11=1` and `base=0` (text encoders), where blocks without a name count fully; or a "
      + "list of 17 or 26 numbers, for SDXL 12 or 20, in the order base, IN, MID, OUT")
  var blocks: LoRABlocks?
  @Output("Denoiser with the LoRA", name: "unet", family: .same(as: "unet"))
  var adapted: UNetRecipe
  @Output("Text encoder with the LoRA", name: "text_encoder", family: .same(as: "unet"))
  var adaptedEncoder: TextEncoderRecipe

  init() {}

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try LoRAAdapter(path: path.resolved).digest]
  }

  mutating func run(_ context: NodeContext) throws {
    let adapter = try LoRAAdapter(path: path.resolved)
    let overlay = WeightOverlay.lora(
      adapter, path: path.resolved, scale: weight, blocks: blocks?.weights)
    try NodeError.locating("blocks") { try blocks?.weights.check(unet: unet.source()) }
    adapted = unet
    adaptedEncoder = textEncoder ?? TextEncoderRecipe(unet.base)
    if adapter.components.contains(.unet) {
      adapted.checkpoint = try unet.checkpoint.adding(overlay, to: [.unet], as: path, context)
    }
    let encoders = adaptedEncoder.components.filter(adapter.components.contains)
    adaptedEncoder.checkpoint = try adaptedEncoder.checkpoint.adding(
      overlay, to: encoders, as: path, context)
    guard adapter.components.contains(.unet) || !encoders.isEmpty else {
      throw NodeError("the LoRA has no part for this checkpoint", port: "path", got: path.written)
    }
    let taken = [.unet] + adaptedEncoder.components
    for component in adapter.components where !taken.contains(component) {
      context.warn(
        "\(path.written): its part for \(component.rawValue) is left out, because the checkpoint "
          + "has no such encoder")
    }
  }
}
