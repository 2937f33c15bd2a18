import Foundation
import GraphRuntime
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// What does not go together is found before anything runs, with the port and the file.
@Suite struct WrongCombinationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The one error of a graph whose denoiser is made by some nodes.
  private func complaint(_ nodes: [String], denoise: String = "") throws -> Diagnostic {
    let lines =
      ["base: {type: CheckpointLoad, path: tiny/model}"] + nodes + [
        "text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: a}",
        "start: {type: EmptyLatent, width: 96, height: 64}",
        "denoise: {type: UNetDenoise, positive: $text, latent: $start, steps: 2, \(denoise)}",
      ]
    let text = "version: 1\nname: wrong\nnodes:\n" + lines.map { "  \($0)\n" }.joined()
    let found = try GraphRun.complaints(text + "outputs:\n  latent: $denoise.latent\n")
    #expect(found.count == 1, "\(found)")
    return try #require(found.first)
  }

  private func copy(_ name: String) throws -> URL {
    let target = folder.url.appending(path: URL(filePath: name).lastPathComponent)
    try FileManager.default.copyItem(at: TinyModel.folder.appending(path: name), to: target)
    return target
  }

  private func text(_ diagnostic: Diagnostic) -> String {
    "\(diagnostic.message) \(diagnostic.expected ?? "") \(diagnostic.got ?? "")"
  }

  @Test func aControlNetForSDXLOnSD15() throws {
    let net = try copy("controlnet")
    let config = net.appending(path: "config.json")
    var json = try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: config)) as? [String: Any])
    json["addition_embed_type"] = "text_time"
    json["addition_time_embed_dim"] = 8
    json["projection_class_embeddings_input_dim"] = 80
    try JSONSerialization.data(withJSONObject: json).write(to: config)
    let found = try complaint(
      [
        "photo: {type: ImageLoad, path: tiny/photo.png, width: 96, height: 64}",
        "guide: {type: ControlNet, path: \(net.path()), image: $photo.image}",
      ], denoise: "unet: $base.unet, control: [$guide]")
    // Its configuration is SDXL's; its tensors, which are compared first, are not.
    #expect(found.port == "path")
    #expect(text(found).contains("add_embedding.linear_1.weight"))
    #expect(text(found).contains(net.path()))
  }

  @Test func anIPAdapterWithAnotherEncoder() throws {
    let found = try complaint(
      [
        "photo: {type: ImageLoad, path: tiny/photo.png}",
        """
        seen: {type: IPAdapter, unet: $base.unet, path: ip-adapter/ip-adapter-base.safetensors, \
        image_encoder: ip-adapter/image_encoder-other, image: $photo.image}
        """,
      ], denoise: "unet: $seen")
    #expect(found.port == "image_encoder")
    #expect(text(found).contains("image_encoder-other"))
  }

  @Test func aLoRAThatMatchesNoKey() throws {
    let file = folder.url.appending(path: "foreign.safetensors")
    let tensors = [
      "unet.sideways.lora_A.weight": RawTensor([1, 2], shape: [1, 2]),
      "unet.sideways.lora_B.weight": RawTensor([1, 2], shape: [2, 1]),
    ]
    try Data(SafetensorsWriter.encode(tensors)).write(to: file)
    let found = try complaint(
      ["style: {type: LoRALoad, unet: $base.unet, path: \(file.path())}"],
      denoise: "unet: $style.unet")
    #expect(found.port == "path")
    #expect(text(found).contains("foreign.safetensors: none of its keys"))
  }

  @Test func aMaskOfAnotherSizeInInpaintLatent() throws {
    let text = """
      version: 1
      name: wrong
      nodes:
        base: {type: CheckpointLoad, path: tiny/model}
        photo: {type: ImageLoad, path: tiny/photo.png, width: 96, height: 64}
        cover: {type: ImageLoad, path: tiny/mask.png, width: 64, height: 64}
        begin: {type: VAEEncode, vae: $base.vae, image: $photo.image}
        denoise: {type: InpaintLatent, latent: $begin, mask: $cover.mask}
      outputs:
        latent: $denoise.latent
      """
    let found = try GraphRun.complaints(text)
    #expect(found.map(\.port) == ["mask"])
    #expect(found.first?.got == "64x64")
  }

  @Test func aMaskOfAnotherSizeOnAnIPAdapter() throws {
    let found = try complaint(
      [
        "photo: {type: ImageLoad, path: tiny/photo.png}",
        "cover: {type: ImageLoad, path: tiny/mask.png, width: 64, height: 64}",
        """
        seen: {type: IPAdapter, unet: $base.unet, path: ip-adapter/ip-adapter-base.safetensors, \
        image: $photo.image, mask: $cover.mask}
        """,
      ], denoise: "unet: $seen")
    #expect(found.port == "unet")
    #expect(text(found).contains("ip-adapter-base.safetensors"))
    #expect(found.got == "64x64")
  }
}

/// Checkpoints that cannot work are found before anything runs.
@Suite struct BrokenCheckpointTests {
  private func failure(_ change: (URL) throws -> Void) throws -> String {
    let scratch = try TemporaryFolder()
    let folder = scratch.url.appending(path: "model")
    try FileManager.default.copyItem(at: TinyModel.folder.appending(path: "model"), to: folder)
    try change(folder)
    var node = CheckpointLoad()
    node.path = InputPath(folder.path())
    let error = #expect(throws: (any Error).self) { try node.run(NodeContext(nodeID: "node")) }
    return error.map { String(describing: $0) } ?? ""
  }

  @Test func anAbsentTokenizerIsNamed() throws {
    let text = try failure {
      try FileManager.default.removeItem(at: $0.appending(path: "tokenizer"))
    }
    #expect(text.contains("tokenizer: no such folder"))
  }

  @Test func anEmptyTokenizerIsNamed() throws {
    let text = try failure { folder in
      let path = folder.appending(path: "tokenizer")
      try FileManager.default.removeItem(at: path)
      try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
    }
    #expect(text.contains("no tokenizer.json"))
  }

  @Test(arguments: ["unet", "vae"])
  func groupsThatDoNotDivideTheChannelsAreNamed(_ part: String) throws {
    let text = try failure { folder in
      let config = folder.appending(path: "\(part)/config.json")
      let json = try String(contentsOf: config, encoding: .utf8)
      let broken = json.replacing("\"norm_num_groups\": 8", with: "\"norm_num_groups\": 5")
      #expect(broken != json)
      try Data(broken.utf8).write(to: config)
    }
    #expect(text.contains("norm_num_groups"))
  }

  @Test func anElementTypeThatIsNotReadIsNamed() throws {
    let text = try failure { folder in
      let path = folder.appending(path: "unet/diffusion_pytorch_model.safetensors")
      var bytes = [UInt8](try Data(contentsOf: path))
      let type = Array("\"F32\"".utf8)
      let start = try #require(bytes.indices.first { bytes[$0...].starts(with: type) })
      bytes.replaceSubrange(start..<start + type.count, with: Array("\"F4X\"".utf8))
      try Data(bytes).write(to: path)
    }
    #expect(text.contains("element type F4X is not read"))
  }
}
