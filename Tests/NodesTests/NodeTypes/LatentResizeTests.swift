import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// Latents of another size, against torch's interpolate; made by tools/goldens/latent_resize_make.py.
@Suite struct LatentResizeTests {
  private let goldens: SafetensorsFile

  init() throws {
    let path = GraphRun.goldens.appending(path: "latent-resize.safetensors")
    goldens = try SafetensorsFile(path: path.path())
  }

  @Test(
    arguments: InterpolationMethod.allCases,
    [(12, 20), (9, 15), (5, 7), (3, 10), (6, 23), (1, 1)])
  func everyMethodEqualsTorch(_ method: InterpolationMethod, _ size: (Int, Int)) throws {
    let source = Tensor(try goldens.tensor("source"))
    var node = LatentResize()
    node.latent = LatentValue(source)
    (node.height, node.width) = (size.0 * 8, size.1 * 8)
    node.method = method
    try node.run(NodeContext(nodeID: "node"))
    let expected = Tensor(try goldens.tensor("\(method.rawValue).\(size.0)x\(size.1)"))
    #expect(relativeError(node.resized.tensor, expected) < 1e-5)
  }

  @Test func methodsDiffer() throws {
    let source = Tensor(try goldens.tensor("source"))
    let results = InterpolationMethod.allCases.map {
      interpolated(source, height: 9, width: 15, method: $0).floats()
    }
    #expect(Set(results).count == results.count)
  }

  @Test func theMaskComesAlongAndStaysYesOrNo() throws {
    var latent = LatentValue(Tensor.full([1, 4, 2, 2], 3))
    latent.paintMask = Tensor([0, 1, 1, 0], shape: [1, 1, 2, 2])
    var node = LatentResize()
    node.latent = latent
    (node.width, node.height, node.method) = (32, 24, .bicubic)
    try node.run(NodeContext(nodeID: "node"))
    #expect(node.resized.paintMask?.shape == [1, 1, 3, 4])
    #expect(Set(node.resized.paintMask?.floats() ?? []) == [0, 1])
  }

  @Test func aBlankStaysBlank() throws {
    var node = LatentResize()
    node.latent = LatentValue(content: .zeros([2, 4, 8, 8]))
    (node.width, node.height) = (96, 64)
    try node.run(NodeContext(nodeID: "node"))
    #expect(node.resized.content.isZeros)
    #expect(node.resized.shape == [2, 4, 8, 12])
  }
}
