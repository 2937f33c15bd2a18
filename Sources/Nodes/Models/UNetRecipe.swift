import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// The description of a denoiser: its checkpoint, and the overlays of its weights.
///
/// Weights are opened, merged and packed only when a node computes with them, by the `ModelStore`.
struct UNetRecipe: PortValue {
  static let typeName = "UNet"

  /// The checkpoint, with changes to the denoiser's weights.
  var checkpoint: OverlaidCheckpoint
  /// The sizes for which its adapters were made, for warnings.
  var ranges: [ResAdapterRange] = []
  /// The image prompts.
  ///
  /// They do not change its weights.
  var imagePrompts: [ImagePromptRecipe] = []

  init(_ base: CheckpointReference) { checkpoint = OverlaidCheckpoint(base) }

  /// The bare checkpoint.
  var base: CheckpointReference { checkpoint.base }
  var family: String? { base.family }
  var sourcePath: String? { base.path }
  var byteCount: Int { imagePrompts.reduce(0) { $0 + $1.byteCount } }

  /// Equal for recipes that give equal models in this process.
  var identity: String { "unet\n" + checkpoint.identity }

  /// The recipe with one more image prompt; a weight of 0 changes nothing.
  func adding(_ prompt: ImagePromptRecipe) -> UNetRecipe {
    guard prompt.weight != 0 else { return self }
    var recipe = self
    recipe.imagePrompts.append(prompt)
    return recipe
  }

  /// The weights with all overlays, read from the files on demand.
  func source() throws -> any WeightSource { try checkpoint.source(.unet) }

  /// The model's configuration.
  func config() throws -> UNetConfig { try base.unetConfig() }

  /// The autoencoder that came with it.
  var ownVAE: VAERecipe { VAERecipe(origin: .checkpoint(base)) }
}

/// The description of a prompt encoder.
struct TextEncoderRecipe: PortValue {
  static let typeName = "TextEncoder"

  /// The checkpoint, with changes to the text encoders' weights.
  var checkpoint: OverlaidCheckpoint

  init(_ base: CheckpointReference) { checkpoint = OverlaidCheckpoint(base) }

  var base: CheckpointReference { checkpoint.base }
  var family: String? { base.family }
  var sourcePath: String? { base.path }
  var identity: String { "text\n" + checkpoint.identity }

  /// The encoders of the family, in order.
  var components: [Component] { base.textEncoders }

  /// The bytes of all encoders as models hold them.
  func packedByteCount() throws -> Int {
    try components.reduce(0) { try $0 + checkpoint.source($1).packedByteCount }
  }
}

/// The description of an autoencoder.
struct VAERecipe: PortValue {
  static let typeName = "VAE"

  /// Where weights and configuration come from.
  let origin: VAEOrigin

  var family: String? { origin.family }
  var sourcePath: String? { origin.path }
  var identity: String { "vae\n" + origin.path }

  /// The weights, read from the files on demand.
  func source() throws -> any WeightSource { try origin.source() }

  /// The model's configuration.
  func config() throws -> AutoencoderConfig { try origin.config() }
}
