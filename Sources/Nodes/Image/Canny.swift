import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// Finds edges.
struct Canny: NodeType {
  static let summary = "Finds edges as OpenCV's Canny(image, low, high) does on colour pictures."

  @Input("Image [B, 3, H, W]") var image: ImageValue
  @Param("Gradient above which a pixel goes on an edge", min: 0, max: 100_000) var low = 100.0
  @Param("Gradient above which a pixel starts an edge", min: 0, max: 100_000) var high = 200.0
  @Output("Image [B, 3, H, W]: 1 on edges, 0 elsewhere", name: "image") var edges: ImageValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    if let shape = $image.known?.shape { edges = .predicted(shape) }
  }

  mutating func run(_ context: NodeContext) throws {
    let detector = CannyEdges(low: low, high: high)
    let pictures = PixelImage.pictures(image.tensor).map { detector($0).greyAsRGB() }
    edges = ImageValue(PixelImage.tensor(pictures))
  }
}
