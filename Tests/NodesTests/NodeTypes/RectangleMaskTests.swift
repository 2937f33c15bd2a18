import GraphRuntime
import TensorRuntime
import Testing

@testable import Resgraph

/// Masks of one rectangle.
@Suite struct RectangleMaskTests {
  @Test func pixelsInsideAreOne() throws {
    var node = RectangleMask()
    (node.width, node.height) = (4, 2)
    (node.left, node.top, node.right, node.bottom) = (0.5, 0, 1, 0.5)
    try node.run(NodeContext(nodeID: "node"))
    #expect(node.mask.shape == [1, 1, 2, 4])
    #expect(node.mask.tensor.floats() == [0, 0, 1, 1, 0, 0, 0, 0])
  }

  @Test(arguments: [(0.5, 0.5, 0.2, 0.8, "right"), (0.2, 0.8, 0.6, 0.6, "bottom")])
  func anEmptyRectangleIsNamed(
    _ left: Double, _ right: Double, _ top: Double, _ bottom: Double, _ port: String
  ) {
    var node = RectangleMask()
    (node.width, node.height) = (4, 2)
    (node.left, node.top, node.right, node.bottom) = (left, top, right, bottom)
    let error = #expect(throws: NodeError.self) { try node.run(NodeContext(nodeID: "node")) }
    #expect(error?.port == port)
  }
}
