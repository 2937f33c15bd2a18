import DiffusionModels
import GraphRuntime
import ResgraphFiles
import ResgraphWeights

/// Opens a checkpoint.
struct CheckpointLoad: NodeType {
  static let summary = """
    Opens a Stable Diffusion checkpoint: a folder in diffusers' layout, or one .safetensors or \
    .ckpt file. Only headers are read until a node computes.
    """
  static let resources = ResourceClass.light

  /// The families that can be asked for.
  enum Family: String, ChoiceParam {
    case auto
    case sd15
    case sd2
    case sdxl
  }

  /// The arithmetic that can be asked for.
  enum Precision: String, ChoiceParam {
    case auto
    case float32
  }

  @Param("Folder in diffusers' layout, or one .safetensors or .ckpt file") var path: InputPath
  @Param("Family that the checkpoint must have; auto accepts any") var family = Family.auto
  @Param("Arithmetic; auto is float32, whatever the file stores") var dtype = Precision.auto
  @Output("Denoiser") var unet: UNetRecipe
  @Output("Text encoder") var textEncoder: TextEncoderRecipe
  @Output("Autoencoder") var vae: VAERecipe

  init() {}

  mutating func run(_ context: NodeContext) throws {
    let reference = CheckpointReference(layout: try CheckpointLayout.open(path: path.resolved))
    guard family == .auto || family.rawValue == reference.family else {
      throw NodeError(
        "the checkpoint is of another family", port: "family", expected: family.rawValue,
        got: reference.family)
    }
    for note in reference.layout.notes { context.warn(note) }
    unet = UNetRecipe(reference)
    textEncoder = TextEncoderRecipe(reference)
    vae = VAERecipe(origin: .checkpoint(reference))
    // Tensors that cannot be read are found here, before anything runs.
    try reference.layout.checkReadable()
    for component in reference.layout.components {
      if [.textEncoder, .textEncoder2].contains(component) { try reference.checkText(component) }
      try reference.checkHeaders(component)
    }
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    let layout = try CheckpointLayout.open(path: path.resolved)
    var digests = try layout.components.map { component in
      "\(component.rawValue) \(try layout.digest(component))"
    }
    digests.append("scheduler \(layout.schedulerConfig?.canonicalText() ?? "none")")
    digests.append("missing prompt \(layout.zeroesMissingPrompt ? "zeros" : "encoded")")
    for component in layout.components {
      guard let folder = layout.tokenizerFolder(component) else { continue }
      for name in CLIPTokenizer.fileNames {
        let file = joinPath(folder, name)
        guard FileStatus(path: file) != nil else { continue }
        digests.append("\(name) of \(component.rawValue) \(try files.digest(file))")
      }
    }
    return digests
  }
}
