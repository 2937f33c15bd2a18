import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// The tiny checkpoint and what diffusers drew with it; made by tools/goldens/image_tiny_model.py.
struct TinyModel {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/tiny")

  let store = ModelStore(budgetBytes: 1 << 30)
  let unet: UNetRecipe
  let textEncoder: TextEncoderRecipe
  let vae: VAERecipe

  init() throws {
    var load = CheckpointLoad()
    load.path = Self.path("model")
    try load.run(NodeContext(nodeID: "load"))
    (unet, textEncoder, vae) = (load.unet, load.textEncoder, load.vae)
  }

  static func path(_ name: String) -> InputPath { InputPath(folder.appending(path: name).path()) }

  static func expected(_ name: String) throws -> Tensor {
    let file = try SafetensorsFile(path: folder.appending(path: "expected.safetensors").path())
    return Tensor(try file.tensor(name))
  }

  static let prompt = "a red lighthouse on a hill, (very) detailed"
  static let negative = "blue light"

  var environment: RunEnvironment {
    var environment = RunEnvironment()
    environment.services.add(store)
    return environment
  }

  var context: NodeContext { NodeContext(nodeID: "node", environment: environment) }

  func encode(_ prompt: String) throws -> ConditioningValue {
    var node = TextEncode()
    node.textEncoder = textEncoder
    node.prompt = prompt
    try node.run(context)
    return node.conditioning
  }

  /// A text-to-image node with the options that most goldens share.
  func denoise(width: Int, height: Int, seed: Seed, batch: Int = 1) throws -> UNetDenoise {
    let node = UNetDenoise()
    node.unet = unet
    node.positive = try encode(Self.prompt)
    node.negative = try encode(Self.negative)
    node.latent = LatentValue(content: .zeros([batch, 4, height / 8, width / 8]))
    node.control = []
    node.noise = nil
    node.steps = 5
    node.seed = seed
    return node
  }
}

/// Nodes that draw beyond a denoiser's own size, with the options that most tests share.
extension TinyModel {
  func elastic(width: Int, height: Int) throws -> ElasticDiffusion {
    let node = ElasticDiffusion()
    node.unet = unet
    node.positive = try encode(Self.prompt)
    node.negative = nil
    node.latent = LatentValue(content: .zeros([1, 4, height / 8, width / 8]))
    (node.control, node.noise, node.vae) = ([], nil, nil)
    (node.steps, node.resamplingSteps, node.rrgScale) = (4, 2, 100)
    return node
  }

  func multi(width: Int, height: Int) throws -> MultiDiffusion {
    let node = MultiDiffusion()
    node.unet = unet
    node.positive = try encode(Self.prompt)
    node.negative = try encode(Self.negative)
    node.latent = LatentValue(content: .zeros([1, 4, height / 8, width / 8]))
    (node.control, node.noise) = ([], nil)
    (node.steps, node.stride) = (4, 4)
    return node
  }

  /// What a node says against its inputs before it runs.
  func validationErrors(_ node: some NodeType) -> [NodeError] {
    var node = node
    let context = ValidationContext(nodeID: "node", environment: environment)
    do {
      try node.validate(context)
    } catch let error as NodeError {
      return context.errors + [error]
    } catch {
      return context.errors + [NodeError(String(describing: error))]
    }
    return context.errors
  }
}
