import DiffusionModels
import GraphRuntime
import ResgraphFiles
import ResgraphWeights

/// Steers a denoiser by a picture, with a T2I-Adapter.
struct T2IAdapter: GroupedPorts {
  static let summary = "Steers a denoiser by a picture, with a small network that runs once."
  static let resources = ResourceClass.light

  @Param("Folder of config.json and weights") var path: InputPath
  @PortGroup var ports = ControlPorts()

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    if let path = $path.known { _ = try adapter(path) }
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    let folder = try ComponentFolder(path: path.resolved)
    return [try folder.source.digest, folder.config.canonicalText()]
  }

  /// Opens the adapter's folder and checks its configuration.
  private func adapter(_ path: InputPath) throws -> (ComponentFolder, T2IAdapterConfig) {
    let folder = try ComponentFolder(path: path.resolved)
    let config = try ConfigurationFault.naming(folder.path) {
      try T2IAdapterConfig(json: folder.config)
    }
    guard config.inChannels == 1 || config.inChannels == 3 else {
      throw NodeError(
        "the T2I-Adapter takes no pictures", port: "path", expected: "1 or 3 in_channels",
        got: "\(config.inChannels) in \(folder.path)")
    }
    try folder.source.checkReadable()
    let weights = WeightScope(HeaderSource(folder.source))
    try ConfigurationFault.naming(folder.path) { _ = try T2IAdapterModel(weights, config: config) }
    return (folder, config)
  }

  mutating func run(_ context: NodeContext) throws {
    let settings = try ports.settings()
    let (folder, config) = try adapter(path)
    ports.control = ControlValue(
      recipe: T2IAdapterRecipe(
        settings: settings, folder: folder, config: config, image: ports.image))
  }
}
