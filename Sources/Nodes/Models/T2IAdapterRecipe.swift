import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// The description of a T2I-Adapter with its picture.
struct T2IAdapterRecipe: ControlRecipe {
  let settings: ControlSettings
  let folder: ComponentFolder
  let config: T2IAdapterConfig
  let image: ImageValue

  /// A T2I-Adapter has no family: it fits every denoiser that has places for its features.
  var family: String? { nil }
  var path: String { folder.path }
  var identity: String { "t2iadapter\n\(path)" }
  var seesPromptOnly: Bool { false }

  func check(_ run: ControlledRun, pictures: [PixelSize]) throws {
    try checkFeatures(run.unet)
    try image.checkControl(run, pictures)
    try checkSides(image.shape, run.unet)
  }

  /// Refuses a denoiser that has no place for one of the features.
  private func checkFeatures(_ unet: UNetRecipe) throws {
    let scale = try unet.base.latentGeometry().scale
    let places = try unet.config().adapterPlaces(latentReduction: scale)
    guard !places.starts(with: config.features) else { return }
    throw NodeError(
      "the T2I-Adapter is for another denoiser", port: "control",
      expected: "features, or the first of them, of \(places.list)",
      got: "\(config.features.list) in \(folder.path)")
  }

  /// Refuses a size at which the features would differ in size from their places.
  private func checkSides(_ shape: [Int], _ unet: UNetRecipe) throws {
    let multiple = config.sideMultiple(for: try unet.config())
    guard shape[2] % multiple == 0, shape[3] % multiple == 0 else {
      throw NodeError(
        "the size does not fit the T2I-Adapter", port: "control",
        expected: "sides that are multiples of \(multiple)",
        got: "\(shape[3])x\(shape[2]) for \(folder.path)")
    }
  }

  func maker(
    _ run: ControlledRun, store: ModelStore
  ) throws -> @Sendable (Tensor) throws -> any DenoiseControl {
    let source = folder.source
    let model = try store.model(
      identity: identity, byteCount: { source.packedByteCount },
      load: { try T2IAdapterModel(WeightScope(source), config: config) })
    return { picture in
      try checkSides(picture.shape, run.unet)
      return T2IAdapterControl(model, picture: picture, settings)
    }
  }
}

extension [AdapterFeature] {
  /// For messages: "320 at 1/8, 640 at 1/16 channels".
  fileprivate var list: String { map(\.description).joined(separator: ", ") + " channels" }
}
