import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// Opens an autoencoder from a file or folder.
struct VAELoad: NodeType {
  static let summary = """
    Opens an autoencoder: a folder of config.json and weights, one file, or that of a whole \
    checkpoint. A tiny autoencoder (TAESD) decodes in a fraction of the time, for previews: its \
    pictures are approximations.
    """
  static let resources = ResourceClass.light

  @Param("Folder or file of the autoencoder, or a whole checkpoint") var path: InputPath
  @Output("Autoencoder") var vae: VAERecipe

  init() {}

  mutating func run(_ context: NodeContext) throws {
    let layout = try AutoencoderLayout.open(path: path.resolved)
    for note in layout.notes { context.warn(note) }
    vae = VAERecipe(origin: .own(layout, path: path.resolved))
    try layout.source.checkReadable()
    try vae.origin.checkHeaders()
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try AutoencoderLayout.open(path: path.resolved).digest]
  }
}
