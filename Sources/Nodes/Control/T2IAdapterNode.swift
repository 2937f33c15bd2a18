import DiffusionModels
import GraphRuntime
import TensorRuntime
import Weights

/// Steers a denoiser by a picture, with a T2I-Adapter.
struct T2IAdapterNode: NodeType {
  static let name = "T2IAdapter"
  static let summary = "Steers a denoiser by a picture, with a small network that is asked once."
  static let resources = ResourceClass.light

  @Param("Folder of config.json and weights") var path: InputPath
  @Input("Control picture [1 or B, 3, H, W], of the size of the result") var image: ImageValue
  @Param("Strength", min: 0, max: 8) var weight = 1.0
  @Param("Share of the steps before which it does not count", min: 0, max: 1) var start = 0.0
  @Param("Share of the steps after which it does not count", min: 0, max: 1) var end = 1.0
  @Output("Control, for UNetDenoise") var control: ControlValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let path = $path.known else { return }
    let folder = try ComponentFolder(path: path.resolved)
    _ = try T2IAdapterConfig(json: folder.config)
    try folder.source.checkReadable()
  }

  mutating func run(_ context: NodeContext) throws {
    guard start <= end else {
      throw NodeError(
        "the window ends before it starts", port: "end", expected: "at least \(start)",
        got: String(end))
    }
    let folder = try ComponentFolder(path: path.resolved)
    try folder.source.checkReadable()
    control = ControlValue(
      recipe: T2IAdapterRecipe(
        folder: folder, config: try T2IAdapterConfig(json: folder.config), image: image,
        weight: Float(weight), window: ControlWindow(start: start, end: end)))
  }
}

/// A T2I-Adapter with its picture, as a description.
struct T2IAdapterRecipe: ControlRecipe {
  let folder: ComponentFolder
  let config: T2IAdapterConfig
  let image: ImageValue
  let weight: Float
  let window: ControlWindow

  var family: String? { config.kind == .fullXL ? "sdxl" : nil }
  var byteCount: Int { image.byteCount }
  var path: String { folder.path }
  var identity: String { "t2iadapter\n\(path)" }

  var seesPromptOnly: Bool { false }

  func check(_ run: ControlledRun) throws { try check(run, pictures: [run.pictureSize]) }

  func check(_ run: ControlledRun, pictures: [PixelSize]) throws {
    let levels = try run.unet.config().levels.map(\.channels)
    guard config.channels.starts(with: levels.prefix(config.channels.count)) else {
      throw NodeError(
        "the T2I-Adapter is for another denoiser", port: "control",
        expected: "features of \(levels) channels", got: "\(config.channels) in \(folder.path)")
    }
    try image.checkControl(run, pictures)
    try checkSides(image.shape)
  }

  private func checkSides(_ shape: [Int]) throws {
    guard shape[2] % config.downscale == 0, shape[3] % config.downscale == 0 else {
      throw NodeError(
        "the size does not fit the T2I-Adapter", port: "control",
        expected: "sides that are multiples of \(config.downscale)",
        got: "\(shape[3])x\(shape[2])")
    }
  }

  func makeControl(_ run: ControlledRun, store: ModelStore) throws -> any DenoiseControl {
    try check(run)
    return control(try model(store), image.tensor)
  }

  func makePictureControl(
    _ run: ControlledRun, size: PixelSize, store: ModelStore
  ) throws -> PictureControl {
    let model = try model(store)
    return PictureControl(picture: image.control(at: size)) { part in
      try checkSides(part.shape)
      return control(model, part)
    }
  }

  private func model(_ store: ModelStore) throws -> T2IAdapter {
    let source = folder.source
    return try store.model(
      identity: identity, byteCount: { source.packedByteCount },
      load: { try T2IAdapter(WeightScope(source), config: config) })
  }

  private func control(_ model: T2IAdapter, _ picture: Tensor) -> any DenoiseControl {
    // Adapters for sketches and edges look at one channel.
    let seen = config.inChannels == 1 ? picture.slice(axis: 1, 0..<1) : picture
    return T2IAdapterControl(features: model(seen).map { $0 * weight }, window: window)
  }
}

/// A T2I-Adapter at work in one run.
private struct T2IAdapterControl: DenoiseControl {
  let features: [Tensor]
  let window: ControlWindow

  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws {
    guard window.contains(step) else { return }
    let own = features.map { $0.repeated(sampleCount: sample.shape[0]) }
    guard !conditions.adapterFeatures.isEmpty else {
      conditions.adapterFeatures = own
      return
    }
    conditions.adapterFeatures = zip(conditions.adapterFeatures, own).map { $0 + $1 }
  }
}
