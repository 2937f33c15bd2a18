import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// Steers a denoiser by a picture, with a ControlNet.
struct ControlNet: NodeType {
  static let summary = """
    Steers a denoiser by a picture of edges, depth, poses and the like. ResAdapters and LoRAs on \
    the denoiser do not reach the ControlNet.
    """
  static let resources = ResourceClass.light

  @Param("Folder of config.json and weights, or one .safetensors or .pth file") var path: InputPath
  @Input("Control picture [1 or B, 3, H, W], of the size of the result") var image: ImageValue
  @Param("Strength", min: 0, max: 8) var weight = 1.0
  @Param("Share of the steps before which it does not count", min: 0, max: 1) var start = 0.0
  @Param("Share of the steps after which it does not count", min: 0, max: 1) var end = 1.0
  @Param("Lets the picture alone say what is shown; the prompt may be empty") var guess = false
  @Output("Control, for UNetDenoise") var control: ControlValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    // The picture is not known yet, the model is.
    if let path = $path.known { _ = try ControlNetFiles(path: path.resolved) }
  }

  mutating func run(_ context: NodeContext) throws {
    guard start <= end else {
      throw NodeError(
        "the window ends before it starts", port: "end", expected: "at least \(start)",
        got: String(end))
    }
    let files = try ControlNetFiles(path: path.resolved)
    control = ControlValue(
      recipe: ControlNetRecipe(
        files: files, image: image, weight: Float(weight),
        window: ControlWindow(start: start, end: end), guess: guess))
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try ControlNetLayout(path: path.resolved).digest]
  }
}

/// A ControlNet that was opened by header.
struct ControlNetFiles: Sendable {
  let layout: ControlNetLayout
  let config: ControlNetConfig

  init(path: String) throws {
    layout = try ControlNetLayout(path: path)
    let json = layout.config
    config = try ConfigurationFault.naming(path) { try ControlNetConfig(json: json) }
    try layout.source.checkReadable()
  }

  var family: String { layout.family.portName }
}

/// A ControlNet with its picture, as a description.
struct ControlNetRecipe: ControlRecipe {
  let files: ControlNetFiles
  let image: ImageValue
  let weight: Float
  let window: ControlWindow
  let guess: Bool

  var family: String? { files.family }
  var byteCount: Int { image.byteCount }
  var path: String { files.layout.path }
  var identity: String { "controlnet\n\(path)" }

  func check(_ run: ControlledRun) throws { try check(run, pictures: [run.pictureSize]) }

  func check(_ run: ControlledRun, pictures: [PixelSize]) throws {
    let config = try run.unet.config()
    guard config.levels.map(\.channels) == files.config.unet.levels.map(\.channels),
      config.crossAttentionWidth == files.config.unet.crossAttentionWidth
    else {
      throw NodeError(
        "the ControlNet is for another denoiser", port: "control",
        expected: "levels of \(config.levels.map(\.channels)) channels",
        got: "\(files.config.unet.levels.map(\.channels)) in \(path)")
    }
    try image.checkControl(run, pictures)
  }

  func makeControl(_ run: ControlledRun, store: ModelStore) throws -> any DenoiseControl {
    try check(run)
    return ControlNetControl(
      self, model: try model(store), picture: image.tensor, isGuided: run.isGuided)
  }

  func makePictureControl(
    _ run: ControlledRun, size: PixelSize, store: ModelStore
  ) throws -> PictureControl {
    let model = try model(store)
    return PictureControl(picture: image.control(at: size)) { part in
      ControlNetControl(self, model: model, picture: part, isGuided: run.isGuided)
    }
  }

  /// Whether the prompt's half of a guided batch alone is controlled.
  var seesPromptOnly: Bool { guess || files.config.globalPool }

  private func model(_ store: ModelStore) throws -> ControlNetModel {
    let source = files.layout.source
    return try store.model(
      identity: identity, byteCount: { source.packedByteCount },
      load: { try ControlNetModel(WeightScope(source), config: files.config) })
  }
}
