import GraphRuntime
import TensorRuntime

/// Makes a mask of one rectangle.
struct RectangleMask: NodeType {
  static let summary = "Makes a mask that is 1 inside a rectangle and 0 elsewhere."
  static let resources = ResourceClass.light

  @Param("Width of the mask in pixels", min: 1, max: 16_384) var width: Int
  @Param("Height of the mask in pixels", min: 1, max: 16_384) var height: Int
  @Param("Left side of the rectangle, as a share of the width", min: 0, max: 1) var left = 0.25
  @Param("Top side, as a share of the height", min: 0, max: 1) var top = 0.25
  @Param("Right side, as a share of the width", min: 0, max: 1) var right = 0.75
  @Param("Bottom side, as a share of the height", min: 0, max: 1) var bottom = 0.75
  @Output("Mask [1, 1, height, width]") var mask: MaskValue

  init() {}

  mutating func run(_ context: NodeContext) throws {
    guard left < right, top < bottom else {
      throw NodeError(
        "the rectangle is empty", port: left < right ? "bottom" : "right",
        expected: "more than \(left < right ? top : left)", got: "\(left < right ? bottom : right)")
    }
    func covers(_ index: Int, of count: Int, _ start: Double, _ end: Double) -> Bool {
      let middle = (Double(index) + 0.5) / Double(count)
      return start <= middle && middle < end
    }
    let columns = (0..<width).map { covers($0, of: width, left, right) ? Float(1) : 0 }
    let blank = [Float](repeating: 0, count: width)
    let values = (0..<height).flatMap { covers($0, of: height, top, bottom) ? columns : blank }
    mask = MaskValue(Tensor(values, shape: [1, 1, height, width]))
  }
}
