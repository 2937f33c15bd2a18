import DiffusionModels
import Foundation
import GraphRuntime
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// One picture that diffusers drew from models/demo; made by tools/goldens/demo_make.py.
struct DemoCase: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let prompt: String
  let sampler: String
  let width: Int
  let height: Int
  let steps: Int
  let guidance: Double
  let seed: UInt64
  let adapter: String

  var testDescription: String { name }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Goldens/demo")

  static let all: [DemoCase] = {
    do {
      let data = try Data(contentsOf: folder.appending(path: "cases.json"))
      return try JSONDecoder().decode([DemoCase].self, from: data)
    } catch {
      preconditionFailure("the demo model's cases cannot be read: \(error)")
    }
  }()
}

/// Whole pictures of the shipped model and its adapters, against diffusers in float32.
@Suite struct DemoModelTests {
  @Test(.slow, arguments: DemoCase.all)
  func thePictureEqualsDiffusers(_ demo: DemoCase) throws {
    let model = try DemoModel()
    let expected = try model.bytes(DemoCase.folder.appending(path: "\(demo.name).png"))
    let share = try model.share(of: demo, within: 1, of: expected)
    #expect(share >= 0.999)
    guard !demo.adapter.isEmpty else { return }
    let bare = try model.share(of: demo, adapter: "", within: 1, of: expected)
    #expect(bare < 0.9, "the adapter changes nothing")
  }

  @Test func anotherSeedIsAnotherPicture() throws {
    let demo = try #require(DemoCase.all.first { $0.name == "small" })
    let model = try DemoModel()
    let expected = try model.bytes(DemoCase.folder.appending(path: "small.png"))
    #expect(try model.share(of: demo, seed: demo.seed + 1, within: 1, of: expected) < 0.9)
  }
}

/// Draws with the shipped model as a graph would.
private struct DemoModel {
  static let folder = DemoCase.folder.deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "models/demo")

  let store = ModelStore(budgetBytes: 1 << 30)
  let base: CheckpointLoad

  init() throws {
    var load = CheckpointLoad()
    load.path = Self.path("")
    try load.run(NodeContext(nodeID: "load"))
    base = load
  }

  static func path(_ name: String) -> InputPath { InputPath(folder.appending(path: name).path()) }

  var context: NodeContext {
    var environment = RunEnvironment()
    environment.services.add(store)
    return NodeContext(nodeID: "node", environment: environment)
  }

  /// The bytes of a picture file.
  func bytes(_ file: URL) throws -> [UInt8] { bytes(try picture(file)) }

  /// The share of values that are no more than `tolerance` levels off.
  func share(
    of demo: DemoCase, adapter: String? = nil, seed: UInt64? = nil, within tolerance: Int,
    of expected: [UInt8]
  ) throws -> Double {
    let drawn = bytes(try draw(demo, adapter: adapter ?? demo.adapter, seed: seed ?? demo.seed))
    guard drawn.count == expected.count else { return 0 }
    let near = zip(drawn, expected).count { abs(Int($0) - Int($1)) <= tolerance }
    return Double(near) / Double(expected.count)
  }

  private func bytes(_ image: ImageValue) -> [UInt8] {
    image.tensor.floats().map { PixelImage.byte($0) }
  }

  private func picture(_ file: URL) throws -> ImageValue {
    var load = ImageLoad()
    load.path = InputPath(file.path())
    try load.run(context)
    return load.image
  }

  private func draw(_ demo: DemoCase, adapter: String, seed: UInt64) throws -> ImageValue {
    let (unet, encoder) = try adapted(by: adapter)
    var denoise = UNetDenoise()
    denoise.unet = unet
    denoise.positive = try encode(demo.prompt, encoder)
    denoise.negative = try encode("", encoder)
    denoise.latent = LatentValue(content: .zeros([1, 4, demo.height / 8, demo.width / 8]))
    denoise.control = try controls(adapter)
    denoise.noise = nil
    denoise.sampler = try #require(.init(rawValue: demo.sampler))
    (denoise.steps, denoise.guidance) = (demo.steps, demo.guidance)
    denoise.seed = Seed(seed)
    try denoise.run(context)
    var decode = VAEDecode()
    decode.vae = base.vae
    decode.latent = denoise.denoised
    try decode.run(context)
    return decode.image
  }

  private func adapted(by adapter: String) throws -> (UNetRecipe, TextEncoderRecipe) {
    switch adapter {
    case "lcm":
      var fast = LCMLoRA()
      fast.unet = base.unet
      fast.path = Self.path("lcm-lora")
      try fast.run(context)
      return (fast.adapted, base.textEncoder)
    case "style":
      var style = LoRALoad()
      (style.unet, style.textEncoder) = (base.unet, base.textEncoder)
      style.path = Self.path("style-ember/ember.safetensors")
      try style.run(context)
      return (style.adapted, style.adaptedEncoder)
    case "ip":
      var alike = IPAdapterNode()
      alike.unet = base.unet
      alike.path = Self.path("ip-adapter")
      alike.image = [try picture(DemoCase.folder.appending(path: "given_picture.png"))]
      alike.mask = []
      try alike.run(context)
      return (alike.adapted, base.textEncoder)
    default:
      return (base.unet, base.textEncoder)
    }
  }

  private func controls(_ adapter: String) throws -> [ControlValue] {
    switch adapter {
    case "control":
      var control = ControlNet()
      control.path = Self.path("controlnet-canny")
      control.image = try picture(DemoCase.folder.appending(path: "given_edges.png"))
      try control.run(context)
      return [control.control]
    case "t2i":
      var control = T2IAdapterNode()
      control.path = Self.path("t2i-adapter-canny")
      control.image = try picture(DemoCase.folder.appending(path: "given_wide_edges.png"))
      try control.run(context)
      return [control.control]
    default: return []
    }
  }

  private func encode(_ prompt: String, _ encoder: TextEncoderRecipe) throws -> ConditioningValue {
    var node = TextEncode()
    node.textEncoder = encoder
    node.prompt = prompt
    try node.run(context)
    return node.conditioning
  }
}
