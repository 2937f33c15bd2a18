import DiffusionModels
import GraphRuntime
import TensorRuntime

/// Marks the part of a latent that is to be painted anew.
struct InpaintLatent: NodeType {
  static let summary = """
    Marks the part of a latent that a denoiser paints anew; the rest of the picture stays. The \
    mask is cut at one half, and brought to the latent's size by its nearest pixels. A denoiser \
    made for inpainting (9 channels) also wants to see the picture without that part: give `vae` \
    and `image`.
    """

  @Input("Latent [B, C, h, w] of the picture, from VAEEncode") var latent: LatentValue
  @Input("Mask [1 or B, 1, 8h, 8w]: 1 where something new is wanted") var mask: MaskValue
  @Input("Autoencoder; only for a 9-channel denoiser", family: .same(as: "latent"))
  var vae: VAERecipe?
  @Input("The picture [1 or B, 3, 8h, 8w]; only for a 9-channel denoiser") var image: ImageValue?
  @Param("The most likely latent of the picture without that part, or a random one")
  var sample = VAEEncode.Choice.mode
  @Param("Seed of the random one") var seed: Seed = 0
  @Param("How many tensors of that shape are drawn and thrown away first", min: 0, max: 10_000)
  var skip = 0
  @Output("The latent with its mask, for UNetDenoise", name: "latent") var marked: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let latent = $latent.known?.shape else { return }
    let (vae, image) = ($vae.known.flatMap { $0 }, $image.known.flatMap { $0 })
    try check(vae, image, latent)
    if let mask = $mask.known?.shape { try Self.check(mask: mask, latent: latent) }
    marked = .predicted(latent)
    if let image {
      marked.maskedPicture = .predicted([image.shape[0]] + latent.dropFirst())
    }
  }

  mutating func run(_ context: NodeContext) throws {
    try Self.check(mask: mask.shape, latent: latent.shape)
    try check(vae, image, latent.shape)
    marked = LatentValue(latent.tensor)
    marked.paintMask = Self.reduced(mask.tensor)
    if let vae, let image {
      let model = try context.service(ModelStore.self).vae(vae)
      var generator = TorchGenerator(seed: seed.value)
      for _ in 0..<skip { _ = generator.randn(latent.shape) }
      let encoded = try model.encoded(
        covered(image.tensor), choice: sample, generator: &generator, context)
      marked.maskedPicture = .numbers(encoded)
    }
  }

  private func check(_ vae: VAERecipe?, _ image: ImageValue?, _ latent: [Int]) throws {
    if let image, vae == nil, $vae.known != nil {
      throw NodeError("the picture needs its autoencoder", port: "vae", got: "\(image.shape)")
    }
    if vae != nil, image == nil, $image.known != nil {
      throw NodeError("the autoencoder needs a picture", port: "image")
    }
    guard let shape = image?.shape else { return }
    guard shape[2] == latent[2] * 8, shape[3] == latent[3] * 8 else {
      throw NodeError(
        "the picture has another size than the latent", port: "image",
        expected: "\(latent[3] * 8)x\(latent[2] * 8)", got: "\(shape[3])x\(shape[2])")
    }
    guard shape[0] == 1 || shape[0] == latent[0] else {
      throw NodeError(
        "there are not as many pictures as latents", port: "image",
        expected: latent[0] == 1 ? "1" : "1 or \(latent[0])", got: "\(shape[0])")
    }
  }

  private static func check(mask: [Int], latent: [Int]) throws {
    guard mask[2] == latent[2] * 8, mask[3] == latent[3] * 8 else {
      throw NodeError(
        "the mask has another size than the picture", port: "mask",
        expected: "\(latent[3] * 8)x\(latent[2] * 8)", got: "\(mask[3])x\(mask[2])",
        hint: "give the mask's ImageLoad this width and height")
    }
    guard mask[0] == 1 || mask[0] == latent[0] else {
      throw NodeError(
        "there are not as many masks as pictures", port: "mask",
        expected: latent[0] == 1 ? "1" : "1 or \(latent[0])", got: "\(mask[0])")
    }
  }

  /// The picture, grey where it is painted anew: 0 of -1...1.
  private func covered(_ picture: Tensor) -> Tensor {
    let (hidden, values) = (mask.tensor.floats(), picture.floats())
    let plane = picture.shape[2] * picture.shape[3]
    let batch = max(picture.shape[0], mask.shape[0])
    var result: [Float] = []
    result.reserveCapacity(batch * 3 * plane)
    for sample in 0..<batch {
      let pixels = (sample % picture.shape[0]) * 3 * plane
      let cover = (sample % mask.shape[0]) * plane
      for index in 0..<3 * plane {
        result.append(hidden[cover + index % plane] < 0.5 ? values[pixels + index] : 0.5)
      }
    }
    return Tensor(result, shape: [batch, 3, picture.shape[2], picture.shape[3]])
  }

  /// Every eighth pixel, as 0 or 1.
  private static func reduced(_ mask: Tensor) -> Tensor {
    let (batch, height, width) = (mask.shape[0], mask.shape[2], mask.shape[3])
    let values = mask.floats()
    var result: [Float] = []
    result.reserveCapacity(values.count / 64)
    for row in 0..<batch * height / 8 {
      for column in 0..<width / 8 {
        result.append(values[row * 8 * width + column * 8] < 0.5 ? 0 : 1)
      }
    }
    return Tensor(result, shape: [batch, 1, height / 8, width / 8])
  }
}
