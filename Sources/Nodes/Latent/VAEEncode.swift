import DiffusionModels
import GraphRuntime
import TensorRuntime

extension LatentChoice: ChoiceParam {}

/// Encodes pictures to latents.
struct VAEEncode: NodeType {
  static let summary =
    "Encodes pictures to latents, from which image-to-image and inpainting start."

  @Input("Autoencoder") var vae: VAERecipe
  @Input("Image [B, 3, H, W], float32 in 0...1, sides multiples of 8") var image: ImageValue
  @Param("mode takes the most likely latent, random draws one") var sample = LatentChoice.mode
  @Param("Seed of the random latent") var seed: Seed = 0
  @Output("Latent [B, 4, H/8, W/8]", family: .same(as: "vae")) var latent: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let config = try $vae.known?.config(), let shape = $image.known?.shape else { return }
    try Self.check(shape, config)
    if case .tiny = config, $sample.known == .random {
      context.report(
        NodeError(
          "a tiny autoencoder has no random latents", port: "sample",
          expected: "mode", got: "random"))
    }
    latent = .predicted(
      config.geometry.latentShape(
        batch: shape[0], height: shape[2], width: shape[3]))
  }

  mutating func run(_ context: NodeContext) throws {
    let model = try context.service(ModelStore.self).vae(vae)
    try Self.check(image.shape, model.config)
    var generator = TorchGenerator(seed: seed.value)
    latent = LatentValue(
      try model.latents(of: image.tensor, sample, generator: &generator, context))
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let shape = $image.known?.shape, let config = try? $vae.known?.config(),
      let weights = try? $vae.known?.source().packedByteCount
    else { return nil }
    return MemoryEstimate(
      workingBytes: weights + config.encodingBytes(pixels: shape[2] * shape[3]),
      outputBytes: 4
        * config.geometry.latentShape(
          batch: shape[0], height: shape[2], width: shape[3]
        ).reduce(1, *))
  }

  private static func check(_ shape: [Int], _ config: AutoencoderConfig) throws {
    let step = config.downscale
    guard shape[2] % step == 0, shape[3] % step == 0 else {
      throw NodeError(
        "the picture's sides do not fit the autoencoder", port: "image",
        expected: "multiples of \(step)", got: "\(shape[3])x\(shape[2])",
        hint: "give ImageLoad a width and a height")
    }
  }
}

extension Autoencoder {
  /// The latents of pictures, for a node that takes `sample` and `seed`.
  func latents(
    of pictures: Tensor, _ choice: LatentChoice, generator: inout TorchGenerator,
    _ context: NodeContext
  ) throws -> Tensor {
    try NodeError.locating("sample") {
      try latents(of: pictures, choice, generator: &generator) { done in
        try context.checkCancellation()
        if done > 0 { context.progress(step: done, of: pictures.shape[0]) }
      }
    }
  }
}
