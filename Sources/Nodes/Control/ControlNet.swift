import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// Steers a denoiser by a picture, with a ControlNet.
struct ControlNet: GroupedPorts {
  static let summary = """
    Steers a denoiser by a picture of edges, depth, poses and the like. ResAdapters and LoRAs on \
    the denoiser do not reach the ControlNet.
    """
  static let resources = ResourceClass.light

  @Param("Folder of config.json and weights, or one .safetensors or .pth file") var path: InputPath
  @PortGroup var ports = ControlPorts()
  @Param("Lets the picture alone say what is shown; the prompt may be empty") var guess = false

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    // The picture is not known yet, but the model can be checked.
    if let path = $path.known { _ = try ControlNetFiles(path: path.resolved) }
  }

  mutating func run(_ context: NodeContext) throws {
    ports.control = ControlValue(
      recipe: ControlNetRecipe(
        settings: try ports.settings(guess: guess), files: try ControlNetFiles(path: path.resolved),
        image: ports.image))
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try ControlNetLayout(path: path.resolved).digest]
  }
}
