import DiffusionModels
import GraphRuntime
import TensorRuntime

/// Encodes pictures to latents.
struct VAEEncode: NodeType {
  static let summary = "Encodes pictures to latents, as image-to-image and inpainting start from."

  /// Which of the latents that the encoder thinks possible is taken.
  enum Choice: String, ChoiceParam {
    case mode
    case random
  }

  @Input("Autoencoder") var vae: VAERecipe
  @Input("Image [B, 3, H, W], float32 in 0...1, sides multiples of 8") var image: ImageValue
  @Param("The most likely latent, or a random one") var sample = Choice.mode
  @Param("Seed of the random one") var seed: Seed = 0
  @Output("Latent [B, 4, H/8, W/8]", family: .same(as: "vae")) var latent: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let config = try $vae.known?.config(), let shape = $image.known?.shape else { return }
    try Self.check(shape, config)
    if case .tiny = config, $sample.known == .random {
      context.report(
        NodeError(
          "a tiny autoencoder knows one latent of a picture, no random ones", port: "sample",
          expected: "mode", got: "random"))
    }
    latent = .predicted(Self.latentShape(shape, config))
  }

  mutating func run(_ context: NodeContext) throws {
    let model = try context.service(ModelStore.self).vae(vae)
    try Self.check(image.shape, model.config)
    var generator = TorchGenerator(seed: seed.value)
    latent = LatentValue(
      try model.encoded(image.tensor, choice: sample, generator: &generator, context))
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let shape = $image.known?.shape, let config = try? $vae.known?.config(),
      let weights = try? $vae.known?.source().packedByteCount
    else { return nil }
    return MemoryEstimate(
      workingBytes: weights + config.encodingBytes(pixels: shape[2] * shape[3]),
      outputBytes: 4 * Self.latentShape(shape, config).reduce(1, *))
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

  private static func latentShape(_ shape: [Int], _ config: AutoencoderConfig) -> [Int] {
    [shape[0], config.latentChannels, shape[2] / config.downscale, shape[3] / config.downscale]
  }
}

extension Autoencoder {
  /// Pictures [B, 3, H, W] in 0...1 as latents, scaled as the denoiser wants them.
  func encoded(
    _ pictures: Tensor, choice: VAEEncode.Choice, generator: inout TorchGenerator,
    _ context: NodeContext
  ) throws -> Tensor {
    var parts: [(mean: Tensor, logvar: Tensor?)] = []
    for index in 0..<pictures.shape[0] {
      try context.checkCancellation()
      parts.append(encode(pictures.slice(axis: 0, index..<index + 1) * 2 - 1))
      context.progress(step: index + 1, of: pictures.shape[0])
    }
    var encoded = Tensor.concatenate(parts.map(\.mean), axis: 0)
    if choice == .random {
      let variances = parts.compactMap(\.logvar)
      guard variances.count == parts.count else {
        throw NodeError("this autoencoder has no random latents", port: "sample", expected: "mode")
      }
      encoded = AutoencoderKL.draw(
        mean: encoded, logvar: Tensor.concatenate(variances, axis: 0), generator: &generator)
    }
    return scaled(encoded)
  }
}
