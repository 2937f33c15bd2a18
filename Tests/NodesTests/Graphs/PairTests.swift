import Foundation
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// One adapter, or one way to start.
enum Part: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case resAdapter = "resadapter"
  case lcmLoRA = "lcm-lora"
  case lora
  case controlNet = "controlnet"
  case twoControlNets = "controlnets"
  case ipAdapter = "ip-adapter"
  case t2iAdapter = "t2i-adapter"
  case imageToImage = "image-to-image"
  case inpaint

  var testDescription: String { rawValue }
}

/// A model family with adapters in the goldens' folder; those of pairs.py.
struct PairFamily: Sendable, CustomTestStringConvertible {
  let name: String
  let model: String
  /// The folder of the adapters.
  let adapters: String
  let resAdapter: String
  let lora: String
  let ipAdapter: String

  static let sd15 = PairFamily(
    name: "sd15", model: "tiny/model", adapters: "tiny", resAdapter: "resadapter_v2_sd1.5",
    lora: "pairs/lora-sd15", ipAdapter: "ip-adapter/ip-adapter-base.safetensors")
  static let sdxl = PairFamily(
    name: "sdxl", model: "sdxl/model", adapters: "sdxl-adapters", resAdapter: "resadapter_v2_sdxl",
    lora: "pairs/lora-sdxl", ipAdapter: "sdxl-adapters/ip-adapter-base.safetensors")

  var testDescription: String { name }

  /// A graph with some parts, as pairs.py draws it.
  func graph(_ parts: Set<Part>) -> String {
    var lines = [
      "base: {type: CheckpointLoad, path: \(model)}",
      "photo: {type: ImageLoad, path: tiny/photo.png, width: 80, height: 48}",
    ]
    var unet = "$base.unet"
    var text = "$base.text_encoder"
    func put(_ name: String, _ node: String) {
      lines.append("\(name): {type: \(node), unet: \(unet)}")
      unet = "$\(name).unet"
    }
    if parts.contains(.resAdapter) {
      put("wide", "ResAdapterLoad, path: \(adapters)/\(resAdapter), weight: 0.7")
    }
    if parts.contains(.lcmLoRA) { put("fast", "LCM-LoRA, path: \(adapters)/lcm-lora, weight: 0.9") }
    if parts.contains(.lora) {
      put("style", "LoRALoad, path: \(lora), weight: 0.8, text_encoder: \(text)")
      text = "$style.text_encoder"
    }
    if parts.contains(.ipAdapter) {
      lines.append("look: {type: ImageLoad, path: ip-adapter/tall.png}")
      put(
        "seen",
        "IPAdapter, path: \(ipAdapter), image_encoder: ip-adapter/image_encoder, "
          + "image: $look.image, weight: 0.8")
    }
    let controls = controlNodes(parts, &lines)
    let start = startNodes(parts, &lines)
    let isFast = parts.contains(.lcmLoRA)
    lines += [
      "text: {type: TextEncode, text_encoder: \(text), prompt: \"\(TinyModel.prompt)\"}",
      "avoid: {type: TextEncode, text_encoder: \(text), prompt: \"\(TinyModel.negative)\"}",
      """
      denoise: {type: UNetDenoise, unet: \(unet), positive: $text, negative: $avoid, steps: 4, \
      sampler: \(isFast ? "lcm" : "checkpoint"), guidance: \(isFast ? 1.5 : 7.5), seed: 11, \
      control: [\(controls.joined(separator: ", "))], \(start)}
      """,
    ]
    let nodes = lines.map { "  \($0)\n" }.joined()
    return "version: 1\nname: pair\nnodes:\n\(nodes)outputs:\n  latent: $denoise.latent\n"
  }

  private func controlNodes(_ parts: Set<Part>, _ lines: inout [String]) -> [String] {
    var controls: [String] = []
    func add(_ name: String, _ node: String, _ options: String) {
      lines.append("\(name): {type: \(node), \(options)}")
      controls.append("$\(name)")
    }
    let net = "path: \(adapters)/controlnet"
    if parts.contains(.controlNet) {
      add("edges", "ControlNet", "\(net), image: $photo.image, weight: 0.8, end: 0.6")
    }
    if parts.contains(.twoControlNets) {
      add("first", "ControlNet", "\(net), image: $photo.image, weight: 0.5")
      lines.append("turned: {type: ImageLoad, path: pairs/turned.png}")
      add("second", "ControlNet", "\(net), image: $turned.image, weight: 0.7, start: 0.4")
    }
    if parts.contains(.t2iAdapter) {
      add(
        "sketch", "T2IAdapter",
        "path: \(adapters)/t2i-adapter, image: $photo.image, weight: 0.9")
    }
    return controls
  }

  /// What the denoiser starts from; draws of the seed's generator are skipped as diffusers makes them:
  /// the picture's latent, the noise, and for inpainting one more that is not used.
  private func startNodes(_ parts: Set<Part>, _ lines: inout [String]) -> String {
    let strength = parts.contains(.imageToImage) ? 0.6 : 1.0
    guard parts.contains(.imageToImage) || parts.contains(.inpaint) else {
      lines.append("blank: {type: EmptyLatent, width: 80, height: 48}")
      return "latent: $blank"
    }
    lines.append(
      "begin: {type: VAEEncode, vae: $base.vae, image: $photo.image, sample: random, seed: 11}")
    guard parts.contains(.inpaint) else {
      return "latent: $begin, strength: \(strength), skip: 1"
    }
    lines += [
      "cover: {type: ImageLoad, path: pairs/mask.png}",
      "marked: {type: InpaintLatent, latent: $begin, mask: $cover.mask}",
      "noise: {type: Noise, latent: $begin, seed: 11, skip: 1}",
    ]
    return "latent: $marked, noise: $noise, strength: \(strength), skip: 3"
  }
}

/// Every pair of adapters and ways to start, at a size that is neither square nor the model's own, against
/// diffusers; made by tools/goldens/pairs.py.
@Suite struct PairTests {
  private static let pairs = Part.allCases.indices.flatMap { first in
    Part.allCases.indices[(first + 1)...].map { (Part.allCases[first], Part.allCases[$0]) }
  }

  private func error(_ family: PairFamily, _ parts: Set<Part>, _ expected: Tensor) throws -> Float {
    let latent = try #require(try GraphRun.latent(family.graph(parts)))
    return relativeError(latent.tensor, expected)
  }

  @Test(.slow, arguments: [PairFamily.sd15, .sdxl], pairs)
  func pairsEqualDiffusersAndNeitherPartIsIdle(
    _ family: PairFamily, _ pair: (Part, Part)
  ) throws {
    let goldens = try SafetensorsFile(
      path: GraphRun.goldens.appending(path: "pairs/\(family.name).safetensors").path())
    let expected = Tensor(try goldens.tensor("\(pair.0.rawValue)+\(pair.1.rawValue)"))
    let tolerance: Float = 1e-3
    #expect(try error(family, [pair.0, pair.1], expected) < tolerance)
    #expect(try error(family, [pair.0], expected) > 5 * tolerance, "without \(pair.1)")
    #expect(try error(family, [pair.1], expected) > 5 * tolerance, "without \(pair.0)")
  }

  @Test(arguments: ["sd15", "sdxl"]) func everyPairHasAGolden(_ family: String) throws {
    let goldens = try SafetensorsFile(
      path: GraphRun.goldens.appending(path: "pairs/\(family).safetensors").path())
    #expect(goldens.keys.count == Part.allCases.count * (Part.allCases.count - 1) / 2)
  }
}
