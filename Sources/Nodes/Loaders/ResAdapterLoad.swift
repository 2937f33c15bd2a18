import DiffusionModels
import GraphRuntime
import ResgraphWeights

/// Puts a ResAdapter on a denoiser.
struct ResAdapterLoad: NodeType {
  static let summary = """
    Puts a ResAdapter on a denoiser, so that it draws well at sizes that it was not trained for. The \
    adapter's norms replace the model's; `weight` scales the convolution LoRA alone, as in the \
    authors' code.
    """
  static let resources = ResourceClass.light

  @Input("Denoiser") var unet: UNetRecipe
  @Param("Folder of both files, or one file") var path: InputPath
  @Param("Strength of the convolution LoRA", min: -8, max: 8) var weight = 1.0
  @Param("How far the norms go from the model's (0) to the adapter's (1)", min: 0, max: 1)
  var normWeight = 1.0
  @Output("Denoiser with the adapter", name: "unet", family: .same(as: "unet"))
  var adapted: UNetRecipe

  init() {}

  mutating func run(_ context: NodeContext) throws {
    let files = try ResAdapterFiles(path: path.resolved)
    for note in files.notes { context.warn("\(path.written): \(note)") }
    adapted = unet
    if let lora = files.lora {
      let overlay = WeightOverlay.lora(lora, path: path.resolved, scale: weight)
      adapted.checkpoint = try adapted.checkpoint.adding(overlay, to: [.unet], as: path, context)
    }
    if let norms = files.norms {
      let overlay = WeightOverlay.replacement(norms, path: path.resolved, blend: normWeight)
      adapted.checkpoint = try adapted.checkpoint.adding(overlay, to: [.unet], as: path, context)
    }
    if let range = ResAdapterRange.named(by: path.resolved) { adapted.ranges.append(range) }
  }

  func contentDigests(_ files: FileAccess) throws -> [String]? {
    guard let path = $path.known else { return nil }
    return [try ResAdapterFiles(path: path.resolved).digest]
  }
}
