import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// Puts an IP-Adapter on a denoiser.
struct IPAdapter: NodeType {
  static let summary = """
    Gives a denoiser pictures as prompts, with an IP-Adapter. Several pictures \
    count together; several adapters are several nodes, one after the other.
    """
  static let resources = ResourceClass.light

  @Input("Denoiser") var unet: UNetRecipe
  @Param("The adapter's file, or a folder that holds one") var path: InputPath
  @Param(
    "Folder or file of the CLIP image encoder that the adapter was made for; `image_encoder` "
      + "beside the adapter when left out")
  var imageEncoder: InputPath?
  @Input("Pictures to look at, each [1 or B, 3, H, W] of any size", minimumCount: 1)
  var image: [ImageValue]
  @Param("Strength of the pictures beside the prompt", min: -8, max: 8) var weight = 1.0
  @Input(
    "Masks of the parts where the pictures count, [1, 1, 8h, 8w]: one for all of them, or one for each"
  )
  var mask: [MaskValue]
  @Output("Denoiser with the pictures as prompts", name: "unet", family: .same(as: "unet"))
  var adapted: UNetRecipe

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let unet = $unet.known else { return }
    // Pictures that are not known yet are left out of what is known of the denoiser.
    var prompt = try open(unet)
    (prompt.images, prompt.masks) = ($image.known ?? [], $mask.known ?? [])
    adapted = unet.adding(prompt)
  }

  mutating func run(_ context: NodeContext) throws {
    var prompt = try open(unet)
    try checkMasks()
    (prompt.images, prompt.masks) = (image, mask)
    adapted = unet.adding(prompt)
  }

  private func checkMasks() throws {
    guard mask.count < 2 || mask.count == image.count else {
      throw NodeError(
        "there are not as many masks as pictures", port: "mask",
        expected: "none, 1 or \(image.count)", got: "\(mask.count)")
    }
    for one in mask where one.shape[0] != 1 {
      throw NodeError(
        "a mask must be one picture", port: "mask", expected: "1", got: "\(one.shape[0])")
    }
  }

  /// Reads the headers of both files, and checks that they fit the denoiser and each other.
  private func open(_ unet: UNetRecipe) throws -> ImagePromptRecipe {
    let (adapter, encoding) = try NodeError.locating("path") {
      let adapter = try IPAdapterFile(path: path.resolved)
      try adapter.source.checkReadable()
      return (adapter, try IPAdapterHeader(adapter.source, unet: unet.config()).encoding)
    }
    guard let encoderPath = imageEncoder?.resolved ?? adapter.siblingEncoder else {
      throw NodeError(
        "there is no folder image_encoder beside the adapter", port: "image_encoder",
        expected: "the image encoder of \(path.written)", status: .missingFile)
    }
    let encoder = try NodeError.locating("image_encoder") {
      let encoder = try ImageEncoder(path: encoderPath)
      try encoder.checkHeaders()
      return encoder
    }
    if let mismatch = encoder.mismatch(encoding) {
      throw NodeError(
        "the adapter was made for another image encoder", port: "image_encoder",
        expected: mismatch.expected, got: mismatch.got)
    }
    return ImagePromptRecipe(
      adapter: adapter, encoder: encoder, encoding: encoding, weight: Float(weight))
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known?.resolved, let named = $imageEncoder.known else { return nil }
    let adapter = try IPAdapterFile(path: path)
    let encoder = named?.resolved ?? adapter.siblingEncoder
    return [
      "adapter \(try adapter.source.digest)",
      "encoder \(try encoder.map { try ImageEncoderFiles(path: $0).digest } ?? "none")",
    ]
  }
}
