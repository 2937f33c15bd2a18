import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// An IP-Adapter with its pictures, as a description.
struct ImagePromptRecipe: Sendable {
  let adapter: IPAdapterFile
  let encoder: ImageEncoder
  /// What the adapter wants of the encoder.
  let encoding: ImageEncoding
  /// Each of one picture, or of as many as there are results.
  let images: [ImageValue]
  /// None; one for all pictures together; or one per picture.
  let masks: [MaskValue]
  let weight: Float

  var byteCount: Int {
    images.reduce(0) { $0 + $1.byteCount } + masks.reduce(0) { $0 + $1.byteCount }
  }

  /// The bytes of the adapter's weights.
  var packedByteCount: Int { adapter.source.packedByteCount }

  /// What the store calls the adapter's model: its projections are those of one kind of denoiser.
  func identity(on unet: UNetRecipe) -> String { "ipadapter\n\(adapter.path)\n\(unet.base.path)" }

  /// Checks by shapes alone that pictures and masks fit a run.
  func check(_ run: ControlledRun) throws {
    let batch = run.latentShape[0]
    for image in images where image.shape[0] != 1 && image.shape[0] != batch {
      throw NodeError(
        "there are not as many pictures for the IP-Adapter as results", port: "unet",
        expected: batch == 1 ? "1" : "1 or \(batch)",
        got: "\(image.shape[0]) for \(adapter.path)")
    }
    let wanted = (width: run.latentShape[3] * 8, height: run.latentShape[2] * 8)
    for mask in masks where mask.shape[3] != wanted.width || mask.shape[2] != wanted.height {
      throw NodeError(
        "the mask of the IP-Adapter \(adapter.path) has another size than the result", port: "unet",
        expected: "\(wanted.width)x\(wanted.height)", got: "\(mask.shape[3])x\(mask.shape[2])",
        hint: "give the mask's ImageLoad this width and height")
    }
  }

  /// Encodes the pictures and projects them to tokens.
  func prompt(_ run: ControlledRun, store: ModelStore) throws -> ImagePrompt {
    try check(run)
    let encodings = try encoder.encode(
      images, as: encoding, withNegatives: run.isGuided, store: store)
    let config = try run.unet.config()
    let source = adapter.source
    let model = try store.model(
      identity: identity(on: run.unet), byteCount: { packedByteCount },
      load: { try IPAdapter(WeightScope(source), unet: config) })
    let batch = run.latentShape[0]
    var tokens = encodings.map { encoded in
      let prompt = model.tokens(encoded.prompt).repeated(sampleCount: batch)
      guard let negative = encoded.negative else { return prompt }
      let other = model.tokens(negative).repeated(sampleCount: batch)
      return Tensor.concatenate([other, prompt], axis: 0)
    }
    // One mask for several pictures: they are looked at together, as without a mask.
    if masks.count == 1 { tokens = [Tensor.concatenate(tokens, axis: 1)] }
    return model.prompt(tokens: tokens, scale: weight, masks: masks.map { Self.cut($0.tensor) })
  }

  /// A mask as 0 or 1, as diffusers' `IPAdapterMaskProcessor` makes it.
  private static func cut(_ mask: Tensor) -> Tensor {
    Tensor(mask.floats().map { $0 < 0.5 ? 0 : 1 }, shape: mask.shape)
  }
}

extension ControlledRun {
  /// Checks by shapes alone that the denoiser's image prompts fit the run.
  func checkImagePrompts() throws {
    for prompt in unet.imagePrompts { try prompt.check(self) }
  }

  /// The denoiser's image prompts, of the whole guided batch.
  func imagePrompts(store: ModelStore) throws -> [ImagePrompt] {
    try unet.imagePrompts.map { try $0.prompt(self, store: store) }
  }
}
