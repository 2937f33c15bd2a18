import DiffusionModels
import GraphRuntime
import TensorRuntime

/// The choice whether an autoencoder works in tiles.
enum TileChoice: ParamValue, Equatable {
  /// Tiles for pictures above 1.6 megapixels.
  case auto
  /// The whole picture at once.
  case off
  /// Tiles of a side in pixels.
  case pixels(Int)

  static let kind = ParamKind.either([.choice(["auto", "off"]), .int])
  private static let expected = "auto, off, or a tile's side in pixels from 64 to 16384"

  init(literal: Literal, paths: any PathResolving) throws {
    switch literal {
    case .string("auto"): self = .auto
    case .string("off"): self = .off
    case .int(let side) where (64...16_384).contains(side): self = .pixels(Int(side))
    case .int(let side):
      throw ValueMismatch(.outOfRange, expected: Self.expected, got: "\(side)")
    default:
      throw ValueMismatch(literal, among: ["auto", "off"], expected: Self.expected)
    }
  }

  var literal: Literal {
    switch self {
    case .auto: .string("auto")
    case .off: .string("off")
    case .pixels(let side): .int(Int128(side))
    }
  }

  /// The tiles for a picture size; nil to work on the whole picture.
  ///
  /// They depend on the size and not on the free memory, so that equal graphs give equal pictures.
  func tiling(width: Int, height: Int, config: AutoencoderConfig) -> VAETiling? {
    // A tiny autoencoder needs little memory, and tiles would leave visible seams in its pictures.
    guard case .kl(let config) = config else { return nil }
    switch self {
    case .off: return nil
    case .pixels(let side): return VAETiling(tilePixels: side, config: config)
    case .auto:
      guard width * height > 1_280 * 1_280 else { return nil }
      return VAETiling(tilePixels: max(512, config.sampleSize), config: config)
    }
  }
}

/// Decodes latents to pictures.
struct VAEDecode: NodeType {
  static let summary = "Decodes latents to pictures."

  @Input("Autoencoder") var vae: VAERecipe
  @Input("Latent [B, 4, H/8, W/8], as the denoiser leaves it", family: .same(as: "vae"))
  var latent: LatentValue
  @Param("auto works in tiles above 1.6 megapixels; off never; a number is a tile's side in pixels")
  var tile = TileChoice.auto
  @Output("Image [B, 3, H, W], float32 in 0...1") var image: ImageValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let config = try $vae.known?.config(), let shape = $latent.known?.shape else { return }
    try Self.check(shape, config)
    if case .tiny = config, case .pixels = $tile.known {
      context.report(
        NodeError(
          "a tiny autoencoder works on whole pictures only", port: "tile", expected: "auto or off",
          got: "a tile's side"))
    }
    image = .predicted([
      shape[0], config.outChannels, shape[2] * config.downscale, shape[3] * config.downscale,
    ])
  }

  mutating func run(_ context: NodeContext) throws {
    let model = try context.service(ModelStore.self).vae(vae)
    let latents = latent.tensor
    try Self.check(latents.shape, model.config)
    let (width, height) = (
      latents.shape[3] * model.config.downscale, latents.shape[2] * model.config.downscale
    )
    let tiling = tile.tiling(width: width, height: height, config: model.config)
    var pictures: [Tensor] = []
    for index in 0..<latents.shape[0] {
      try context.checkCancellation()
      let one = model.unscaled(latents.slice(axis: 0, index..<index + 1))
      let decoded = model.decode(one, tiling: tiling)
      guard !decoded.hasNonFinite else {
        throw NodeError("the autoencoder gave numbers that are not finite", port: "latent")
      }
      pictures.append((decoded * 0.5 + 0.5).clamped(to: 0...1))
      context.progress(step: index + 1, of: latents.shape[0])
    }
    image = ImageValue(Tensor.concatenate(pictures, axis: 0))
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let shape = $image.set?.shape, let config = try? $vae.known?.config(),
      let weights = try? $vae.known?.source().packedByteCount
    else { return nil }
    let tiling = $tile.known?.tiling(width: shape[3], height: shape[2], config: config)
    let pixels = tiling.map { $0.tilePixels * $0.tilePixels } ?? shape[2] * shape[3]
    return MemoryEstimate(
      workingBytes: weights + config.decodingBytes(pixels: pixels),
      outputBytes: 4 * shape.reduce(1, *))
  }

  private static func check(_ shape: [Int], _ config: AutoencoderConfig) throws {
    guard shape.count == 4, shape[1] == config.latentChannels else {
      throw NodeError(
        "the latent does not fit the autoencoder", port: "latent",
        expected: "\(config.latentChannels) channels", got: "\(shape)")
    }
  }
}
