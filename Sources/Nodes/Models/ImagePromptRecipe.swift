import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// The description of an IP-Adapter with its pictures.
struct ImagePromptRecipe: Sendable {
  let adapter: IPAdapterFile
  let encoder: ImageEncoder
  /// The kind of result that the adapter needs from the encoder.
  let encoding: ImageEncoding
  /// The pictures; each tensor holds one picture, or one for each result.
  var images: [ImageValue] = []
  /// The masks: none, one for all pictures together, or one per picture.
  var masks: [MaskValue] = []
  let weight: Float

  var byteCount: Int {
    images.reduce(0) { $0 + $1.byteCount } + masks.reduce(0) { $0 + $1.byteCount }
  }

  /// The bytes of the adapter's weights.
  var packedByteCount: Int { adapter.source.packedByteCount }

  /// The identity of the adapter's model in the store.
  ///
  /// It includes the denoiser, because the projections are made for its configuration.
  func identity(on unet: UNetRecipe) -> String { "ipadapter\n\(adapter.path)\n\(unet.base.path)" }

  /// Checks from shapes that pictures and masks fit a run.
  func check(_ run: ControlledRun) throws {
    let batch = run.latentShape[0]
    for image in images where image.shape[0] != 1 && image.shape[0] != batch {
      throw NodeError(
        "there are not as many pictures for the IP-Adapter as results", port: "unet",
        expected: batch == 1 ? "1" : "1 or \(batch)",
        got: "\(image.shape[0]) for \(adapter.path)")
    }
    let wanted = run.pictureSize
    for mask in masks where PixelSize(width: mask.shape[3], height: mask.shape[2]) != wanted {
      throw NodeError(
        "the mask of the IP-Adapter \(adapter.path) has another size than the result", port: "unet",
        expected: "\(wanted.width)x\(wanted.height)", got: "\(mask.shape[3])x\(mask.shape[2])",
        hint: "give the mask's ImageLoad this width and height")
    }
  }

  /// Encodes the pictures and projects them to tokens.
  func prompt(_ run: ControlledRun, store: ModelStore) throws -> ImagePrompt {
    try check(run)
    let vision = try store.model(
      identity: encoder.identity, byteCount: { encoder.packedByteCount },
      load: { try encoder.model() })
    let encodings = try ImagePromptEncoder(encoder, model: vision, encoding: encoding)(
      images.map(\.tensor), withNegatives: run.isGuided)
    let config = try run.unet.config()
    let model = try store.model(
      identity: identity(on: run.unet), byteCount: { packedByteCount },
      load: { try IPAdapterModel(WeightScope(adapter.source), unet: config) })
    return model.prompt(
      encodings, masks: masks.map(\.tensor), weight: weight, batch: run.latentShape[0])
  }
}

extension ImageEncoder {
  /// What the store calls the encoder's model.
  var identity: String { "image encoder\n\(files.path)" }
  /// The bytes of the encoder's weights.
  var packedByteCount: Int { files.source.packedByteCount }
}

extension ControlledRun {
  /// Checks from shapes that the denoiser's image prompts fit the run.
  func checkImagePrompts() throws {
    for prompt in unet.imagePrompts { try prompt.check(self) }
  }

  /// Checks the image prompts of a denoiser that sees a picture in parts.
  func checkImagePromptsOfParts() throws {
    guard unet.imagePrompts.allSatisfy(\.masks.isEmpty) else {
      throw NodeError(
        "image prompts with masks cannot be used where a picture is denoised in parts", port: "unet"
      )
    }
    try checkImagePrompts()
  }

  /// Makes the denoiser's image prompts for the whole guided batch.
  func imagePrompts(store: ModelStore) throws -> [ImagePrompt] {
    try unet.imagePrompts.map { try $0.prompt(self, store: store) }
  }
}
