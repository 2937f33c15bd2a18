import DiffusionModels
import GraphRuntime
import TensorRuntime

/// Marks the part of a latent that is to be painted again.
struct InpaintLatent: NodeType {
  static let summary = """
    Marks the part of a latent that a denoiser paints again; the rest of the picture stays. The \
    mask is rounded to 0 and 1, and resized to the latent by its nearest pixels. A denoiser made \
    for inpainting (9 channels) also needs the picture without that part: give `vae` and `image`.
    """

  @Input("Latent [B, C, h, w] of the picture, from VAEEncode") var latent: LatentValue
  @Input("Mask [1 or B, 1, 8h, 8w]: 1 where something new is painted") var mask: MaskValue
  @Input("Autoencoder; only for a 9-channel denoiser", family: .same(as: "latent"))
  var vae: VAERecipe?
  @Input("The picture [1 or B, 3, 8h, 8w]; only for a 9-channel denoiser") var image: ImageValue?
  @Param("The most likely latent of the picture without that part, or a random one")
  var sample = LatentChoice.mode
  @Param("Seed of the random latent") var seed: Seed = 0
  @Param("How many tensors of that shape are drawn and thrown away first", min: 0, max: 10_000)
  var skip = 0
  @Output("The latent with its mask, for UNetDenoise", name: "latent") var marked: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let latent = $latent.known?.shape else { return }
    let (vae, image) = ($vae.known.flatMap { $0 }, $image.known.flatMap { $0 })
    try check(vae, image, latent)
    if let mask = $mask.known { try check(mask, vae, latent) }
    marked = .predicted(latent)
    if let image {
      marked.maskedPicture = .predicted([image.shape[0]] + latent.dropFirst())
    }
  }

  mutating func run(_ context: NodeContext) throws {
    try check(mask, vae, latent.shape)
    try check(vae, image, latent.shape)
    let painted = InpaintMask(mask.tensor)
    marked = LatentValue(latent.tensor)
    let scale = try geometry(vae).scale
    marked.paintMask = painted.reduced(by: scale)
    if painted.losesParts(whenReducedBy: scale) {
      context.warn(
        "parts of the mask are too thin to be painted: of every \(scale)x\(scale) pixels, which are "
          + "one cell of the latent, the first counts; make them wider")
    }
    if let vae, let image {
      let model = try context.service(ModelStore.self).vae(vae)
      var generator = TorchGenerator(seed: seed.value)
      for _ in 0..<skip { _ = generator.randn(latent.shape) }
      let covered = painted.covering(image.tensor)
      marked.maskedPicture = .numbers(
        try model.latents(of: covered, sample, generator: &generator, context))
    }
  }

  private func check(_ vae: VAERecipe?, _ image: ImageValue?, _ latent: [Int]) throws {
    if let image, vae == nil, $vae.known != nil {
      throw NodeError("the picture needs its autoencoder", port: "vae", got: "\(image.shape)")
    }
    if vae != nil, image == nil, $image.known != nil {
      throw NodeError("the autoencoder needs a picture", port: "image")
    }
    try image?.checkPictures(
      [try geometry(vae).pictureSize(latent)], batch: latent[0], port: "image",
      messages: (
        "the picture has another size than the latent",
        "there are not as many pictures as latents"
      ))
  }

  private func check(_ mask: MaskValue, _ vae: VAERecipe?, _ latent: [Int]) throws {
    try mask.checkPictures(
      [try geometry(vae).pictureSize(latent)], batch: latent[0], port: "mask",
      messages: (
        "the mask has another size than the picture", "there are not as many masks as pictures"
      ), hint: "give the mask's ImageLoad this width and height")
  }

  /// How latents relate to pictures; without an autoencoder nobody says so.
  private func geometry(_ vae: VAERecipe?) throws -> LatentGeometry {
    try vae?.config().geometry ?? .stableDiffusion
  }
}
