import GraphRuntime
import TensorRuntime

/// Marks the part of a latent that is to be painted anew.
struct InpaintLatent: NodeType {
  static let summary = """
    Marks the part of a latent that a denoiser paints anew; the rest of the picture stays. The \
    mask is cut at one half, and brought to the latent's size by its nearest pixels.
    """

  @Input("Latent [B, C, h, w] of the picture, from VAEEncode") var latent: LatentValue
  @Input("Mask [1 or B, 1, 8h, 8w]: 1 where something new is wanted") var mask: MaskValue
  @Output("The latent with its mask, for UNetDenoise", name: "latent") var marked: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let latent = $latent.known?.shape, let mask = $mask.known?.shape else { return }
    try Self.check(mask: mask, latent: latent)
    marked = .predicted(latent)
  }

  mutating func run(_ context: NodeContext) throws {
    try Self.check(mask: mask.shape, latent: latent.shape)
    marked = LatentValue(latent.tensor)
    marked.paintMask = Self.reduced(mask.tensor)
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
