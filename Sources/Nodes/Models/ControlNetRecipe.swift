import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// The files of a ControlNet, whose headers have been read.
struct ControlNetFiles: Sendable {
  let layout: ControlNetLayout
  let config: ControlNetConfig

  init(path: String) throws {
    layout = try ControlNetLayout(path: path)
    let json = layout.config
    config = try ConfigurationFault.naming(path) { try ControlNetConfig(json: json) }
    try layout.source.checkReadable()
    let (weights, config) = (WeightScope(HeaderSource(layout.source)), config)
    try ConfigurationFault.naming(path) { _ = try ControlNetModel(weights, config: config) }
  }

  var family: String { layout.family.rawValue }
}

/// The description of a ControlNet with its picture.
struct ControlNetRecipe: ControlRecipe {
  let settings: ControlSettings
  let files: ControlNetFiles
  let image: ImageValue

  var family: String? { files.family }
  var path: String { files.layout.path }
  var identity: String { "controlnet\n\(path)" }
  var seesPromptOnly: Bool { files.config.seesPromptOnly(settings) }

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

  func maker(
    _ run: ControlledRun, store: ModelStore
  ) throws -> @Sendable (Tensor) throws -> any DenoiseControl {
    let source = files.layout.source
    let model = try store.model(
      identity: identity, byteCount: { source.packedByteCount },
      load: { try ControlNetModel(WeightScope(source), config: files.config) })
    return { ControlNetControl(model, picture: $0, settings, isGuided: run.isGuided) }
  }
}
