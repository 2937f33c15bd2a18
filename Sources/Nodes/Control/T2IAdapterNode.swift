import DiffusionModels
import GraphRuntime
import ResgraphFiles
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

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
    _ = try adapter(path)
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    let folder = try ComponentFolder(path: path.resolved)
    return [try folder.source.digest, folder.config.canonicalText()]
  }

  /// The adapter's folder and what its configuration says, checked.
  private func adapter(_ path: InputPath) throws -> (ComponentFolder, T2IAdapterConfig) {
    let folder = try ComponentFolder(path: path.resolved)
    let config = try ConfigurationFault.naming(folder.path) {
      try T2IAdapterConfig(json: folder.config)
    }
    guard config.inChannels == 1 || config.inChannels == 3 else {
      throw NodeError(
        "the T2I-Adapter does not look at pictures", port: "path", expected: "1 or 3 in_channels",
        got: "\(config.inChannels) in \(folder.path)")
    }
    try folder.source.checkReadable()
    return (folder, config)
  }

  mutating func run(_ context: NodeContext) throws {
    guard start <= end else {
      throw NodeError(
        "the window ends before it starts", port: "end", expected: "at least \(start)",
        got: String(end))
    }
    let (folder, config) = try adapter(path)
    control = ControlValue(
      recipe: T2IAdapterRecipe(
        folder: folder, config: config, image: image, weight: Float(weight),
        window: ControlWindow(start: start, end: end)))
  }
}

/// A T2I-Adapter with its picture, as a description.
struct T2IAdapterRecipe: ControlRecipe {
  let folder: ComponentFolder
  let config: T2IAdapterConfig
  let image: ImageValue
  let weight: Float
  let window: ControlWindow

  /// Whatever denoiser has places for its features.
  var family: String? { nil }
  var byteCount: Int { image.byteCount }
  var path: String { folder.path }
  var identity: String { "t2iadapter\n\(path)" }

  var seesPromptOnly: Bool { false }

  func check(_ run: ControlledRun) throws { try check(run, pictures: [run.pictureSize]) }

  func check(_ run: ControlledRun, pictures: [PixelSize]) throws {
    try checkFeatures(run.unet)
    try image.checkControl(run, pictures)
    try checkSides(image.shape, run.unet)
  }

  /// Refuses a denoiser that has no place for one of the features.
  private func checkFeatures(_ unet: UNetRecipe) throws {
    let places = try unet.config().adapterPlaces(latentReduction: 8)
    guard !places.starts(with: config.features) else { return }
    throw NodeError(
      "the T2I-Adapter is for another denoiser", port: "control",
      expected: "features, or the first of them, of \(places.list)",
      got: "\(config.features.list) in \(folder.path)")
  }

  /// Refuses a size at which the features would not have the sizes of their places.
  private func checkSides(_ shape: [Int], _ unet: UNetRecipe) throws {
    var multiple = config.downscale
    // Without padding on all sides a denoiser rounds down where features round up.
    if try unet.config().downsamplePadding == 0 {
      multiple = max(multiple, config.features.last?.reduction ?? 1)
    }
    guard shape[2] % multiple == 0, shape[3] % multiple == 0 else {
      throw NodeError(
        "the size does not fit the T2I-Adapter", port: "control",
        expected: "sides that are multiples of \(multiple)",
        got: "\(shape[3])x\(shape[2]) for \(folder.path)")
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
      try checkSides(part.shape, run.unet)
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
    // Adapters for sketches and edges look at the brightness alone.
    let seen =
      config.inChannels == 1
      ? PixelImage.tensor(PixelImage.pictures(picture).map { $0.luminance() }) : picture
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
    // Adapters of fewer levels leave the others' last features as they are.
    let (longer, shorter) =
      own.count > conditions.adapterFeatures.count
      ? (own, conditions.adapterFeatures) : (conditions.adapterFeatures, own)
    conditions.adapterFeatures = longer.enumerated().map { level, feature in
      level < shorter.count ? feature + shorter[level] : feature
    }
  }
}

extension [AdapterFeature] {
  /// For messages: "320 at 1/8, 640 at 1/16 channels".
  fileprivate var list: String { map(\.description).joined(separator: ", ") + " channels" }
}
