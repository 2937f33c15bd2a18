import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// Lays pictures out in a grid.
struct ImageGrid: NodeType {
  static let summary = """
    Lays pictures out in a grid with labels. Cells are as large as the largest picture; smaller \
    ones lie in the middle of theirs. A batch counts as that many pictures.
    """

  @Input("Pictures, in reading order", minimumCount: 1) var images: [ImageValue]
  @Param("One label per picture, or none; ASCII") var labels: [String] = []
  @Param("Pictures side by side; 0 for as square a grid as can be", min: 0, max: 1_000)
  var columns = 0
  @Output("Image [1, 3, H, W]") var image: ImageValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let labels = $labels.known, let images = $images.known else { return }
    try checkLabels(labels, count: images.reduce(0) { $0 + $1.shape[0] })
  }

  mutating func run(_ context: NodeContext) throws {
    let pictures = images.flatMap { PixelImage.pictures($0.tensor) }
    try checkLabels(labels, count: pictures.count)
    let side = columns > 0 ? columns : Int(Double(pictures.count).squareRoot().rounded(.up))
    image = ImageValue(LabelledGrid(columns: side).draw(pictures, labels: labels).tensor())
  }

  private func checkLabels(_ labels: [String], count: Int) throws {
    guard labels.isEmpty || labels.count == count else {
      throw NodeError(
        "the labels do not fit the pictures", port: "labels",
        expected: count == 1 ? "1 label" : "\(count) labels, one per picture",
        got: "\(labels.count)")
    }
  }
}
