import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime

@testable import Resgraph

/// IP-Adapters for the tiny checkpoint; made by tools/goldens/ip_pipeline_make.py.
enum IPAdapterFixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/ip-adapter")

  static func path(_ name: String) -> InputPath { InputPath(folder.appending(path: name).path()) }

  static func expected(_ name: String) throws -> Tensor {
    let file = try SafetensorsFile(path: folder.appending(path: "expected.safetensors").path())
    return Tensor(try file.tensor(name))
  }

  /// A picture file of the fixture, with its mask.
  static func load(_ name: String) throws -> (image: ImageValue, mask: MaskValue) {
    var load = ImageLoad()
    load.path = path(name)
    try load.run(NodeContext(nodeID: "load"))
    return (load.image, load.mask)
  }

  /// A node on a denoiser that looks at the wide picture.
  static func node(_ unet: UNetRecipe, _ file: String) throws -> IPAdapter {
    let node = IPAdapter()
    node.unet = unet
    node.path = path(file)
    node.imageEncoder = path("image_encoder")
    node.image = [try load("wide.png").image]
    node.mask = []
    node.weight = 0.8
    return node
  }
}
