import GraphRuntime
import ResgraphWeights

/// A denoiser as a description: which checkpoint, and what is laid over its weights.
///
/// Weights are opened, merged and packed only when a node computes with them, by the `ModelStore`.
struct UNetRecipe: PortValue {
  static let typeName = "UNet"

  /// The checkpoint.
  let base: CheckpointReference
  /// Changes to the weights, in the order in which they are applied.
  var overlays: [WeightOverlay] = []
  /// Where the adapters on it work well, for warnings.
  var ranges: [ResAdapterRange] = []
  /// Pictures that it looks at beside the prompt; its weights stay what they are.
  var imagePrompts: [ImagePromptRecipe] = []

  var family: String? { base.family }
  var sourcePath: String? { base.path }
  var byteCount: Int { imagePrompts.reduce(0) { $0 + $1.byteCount } }

  /// Equal for recipes that give equal models in this process.
  var identity: String {
    (["unet", base.path] + overlays.map(\.identity)).joined(separator: "\n")
  }

  /// The recipe with one more overlay on top; a scale of 0 changes nothing.
  func adding(_ overlay: WeightOverlay) -> UNetRecipe {
    guard overlay.isEffective else { return self }
    var recipe = self
    recipe.overlays.append(overlay)
    return recipe
  }

  /// The recipe with one more image prompt; a weight of 0 changes nothing.
  func adding(_ prompt: ImagePromptRecipe) -> UNetRecipe {
    guard prompt.weight != 0 else { return self }
    var recipe = self
    recipe.imagePrompts.append(prompt)
    return recipe
  }

  /// The weights with all overlays, read from the files on demand.
  func source() throws -> any WeightSource {
    try overlays.reduce(base.layout.source(.unet)) { try $1.applied(to: $0, prefix: "unet") }
  }
}

/// A prompt encoder as a description.
struct TextEncoderRecipe: PortValue {
  static let typeName = "TextEncoder"

  let base: CheckpointReference
  var overlays: [WeightOverlay] = []

  var family: String? { base.family }
  var sourcePath: String? { base.path }

  var identity: String {
    (["text", base.path] + overlays.map(\.identity)).joined(separator: "\n")
  }

  func adding(_ overlay: WeightOverlay) -> TextEncoderRecipe {
    guard overlay.isEffective else { return self }
    var recipe = self
    recipe.overlays.append(overlay)
    return recipe
  }

  /// One encoder's weights with all overlays.
  func source(_ component: Component) throws -> any WeightSource {
    let prefix = component == .textEncoder2 ? "text_encoder_2" : "text_encoder"
    return try overlays.reduce(base.layout.source(component)) {
      try $1.applied(to: $0, prefix: prefix)
    }
  }
}

/// An autoencoder as a description.
struct VAERecipe: PortValue {
  static let typeName = "VAE"

  /// Where weights and configuration come from.
  let origin: VAEOrigin

  var family: String? { origin.family }
  var sourcePath: String? { origin.path }
  var identity: String { "vae\n" + origin.path }
}
