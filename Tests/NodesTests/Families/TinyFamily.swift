import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport

@testable import Resgraph

/// A tiny checkpoint of a model family and what diffusers drew with it; made by the scripts of
/// tools/goldens that write folders of Tests/NodesTests/Goldens with tiny_families.py.
struct TinyFamily {
  static let prompt = "a red lighthouse on a hill, (very) detailed"
  static let second = "painted in oil"
  static let negative = "blue light"
  static let secondNegative = "frame"
  /// Measured: below 3e-6; the rest is for other instruction sets.
  static let tolerance = Tolerance(maxError: 2e-4, nmse: 1e-8)

  let folder: String
  let store = ModelStore(budgetBytes: 1 << 30)
  let unet: UNetRecipe
  let textEncoder: TextEncoderRecipe
  let vae: VAERecipe

  /// Opens a folder of the fixtures, or another checkpoint in its place.
  init(_ name: String, checkpoint: String? = nil) throws {
    folder = Self.folder(name)
    var load = CheckpointLoad()
    load.path = InputPath(checkpoint ?? folder + "/model")
    try load.run(NodeContext(nodeID: "load"))
    (unet, textEncoder, vae) = (load.unet, load.textEncoder, load.vae)
  }

  /// The tiny SD 1.5 checkpoint with a UNet that is told the guidance, as latent-consistency models are; put together
  /// in a folder that must be kept as long as the model is used.
  static func latentConsistency(in scratch: TemporaryFolder) throws -> TinyFamily {
    let path = try scratch.checkpoint(TinyModel.path("model").resolved) { $0 }
    for name in ["unet", "scheduler", "model_index.json"] {
      try scratch.relink("model/\(name)", to: folder("lcm") + "/\(name)")
    }
    return try TinyFamily("lcm", checkpoint: path)
  }

  static func folder(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Goldens/\(name)").path()
  }

  func path(_ name: String) -> InputPath { InputPath("\(folder)/\(name)") }

  /// What latents show, as the autoencoder decodes them.
  func picture(of latents: Tensor) throws -> Tensor {
    var decode = VAEDecode()
    decode.vae = vae
    decode.latent = LatentValue(latents)
    try decode.run(context)
    return decode.image.tensor
  }

  func expected(_ name: String) throws -> Tensor {
    Tensor(try SafetensorsFile(path: folder + "/expected.safetensors").tensor(name))
  }

  var context: NodeContext {
    var environment = RunEnvironment()
    environment.services.add(store)
    return NodeContext(nodeID: "node", environment: environment)
  }

  func encode(
    _ prompt: String, second: String? = nil, clipSkip: Int = 0,
    with encoder: TextEncoderRecipe? = nil
  ) throws -> ConditioningValue {
    var node = TextEncode()
    node.textEncoder = encoder ?? textEncoder
    node.prompt = prompt
    node.secondPrompt = second
    node.clipSkip = clipSkip
    try node.run(context)
    return node.conditioning
  }

  /// A text-to-image node with the options that most goldens share.
  func denoise(
    width: Int = 96, height: Int = 64, seed: Seed = 3, batch: Int = 1,
    with encoder: TextEncoderRecipe? = nil
  ) throws -> UNetDenoise {
    let hasTwo = textEncoder.components.count == 2
    let node = UNetDenoise()
    node.unet = unet
    node.positive = try encode(Self.prompt, second: hasTwo ? Self.second : nil, with: encoder)
    node.negative = try encode(
      Self.negative, second: hasTwo ? Self.secondNegative : nil, with: encoder)
    node.latent = LatentValue(content: .zeros([batch, 4, height / 8, width / 8]))
    node.control = []
    node.noise = nil
    node.steps = 5
    node.guidance = 5
    node.seed = seed
    return node
  }

  /// Runs a node, changed as wanted.
  func latents(
    _ node: UNetDenoise, _ change: (UNetDenoise) throws -> Void = { _ in }
  ) throws -> Tensor {
    var node = node
    try change(node)
    try node.run(context)
    return node.denoised.tensor
  }

  /// A control picture, or one to start from: the fixtures' photo at a size.
  func photo(width: Int = 96, height: Int = 64) throws -> ImageValue {
    var load = ImageLoad()
    load.path = TinyModel.path("photo.png")
    (load.width, load.height) = (width, height)
    try load.run(context)
    return load.image
  }
}

extension TemporaryFolder {
  /// A copy of a checkpoint folder with another `model_index.json`; everything else is linked.
  func checkpoint(_ original: String, index: (String) -> String) throws -> String {
    let copy = path + "/model"
    try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: original) {
      let source = "\(original)/\(name)"
      guard name == "model_index.json" else {
        try FileManager.default.createSymbolicLink(
          atPath: "\(copy)/\(name)", withDestinationPath: source)
        continue
      }
      let text = try String(contentsOfFile: source, encoding: .utf8)
      try index(text).write(toFile: "\(copy)/\(name)", atomically: true, encoding: .utf8)
    }
    return copy
  }

  /// Lets a link point to something else.
  func relink(_ name: String, to destination: String) throws {
    try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    try FileManager.default.createSymbolicLink(
      atPath: "\(path)/\(name)", withDestinationPath: destination)
  }
}
