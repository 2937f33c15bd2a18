import Foundation
import GraphRuntime
import Testing

@testable import Resgraph

/// Which files decide the cache key of a node that reads some files of a folder.
@Suite("Keys of model files")
struct ContentKeyTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "resgraph-content-keys-\(UUID().uuidString)")

  private static let graph = """
    version: 1
    nodes:
      base: {type: CheckpointLoad, path: model}
      own: {type: VAELoad, path: vae}
      wide: {type: ResAdapterLoad, unet: $base.unet, path: resadapter}
      look: {type: ImageLoad, path: look.png, width: 64, height: 64}
      seen: {type: IPAdapter, unet: $wide.unet, path: ip.safetensors, image_encoder: image_encoder, image: $look.image}
      edges: {type: ControlNet, path: controlnet, image: $look.image}
      text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: a}
      start: {type: EmptyLatent, width: 64, height: 64}
      denoise: {type: UNetDenoise, unet: $seen.unet, positive: $text, latent: $start, control: [$edges]}
      picture: {type: VAEDecode, vae: $own.vae, latent: $denoise}
    outputs: {picture: $picture}
    """

  /// Files of the graph, by the node that must notice them.
  private static let files = [
    ("base", "model/unet/diffusion_pytorch_model.safetensors"),
    ("base", "model/vae/diffusion_pytorch_model.safetensors"),
    ("base", "model/text_encoder/model.safetensors"),
    ("own", "vae/diffusion_pytorch_model.safetensors"),
    ("wide", "resadapter/pytorch_lora_weights.safetensors"),
    ("wide", "resadapter/diffusion_pytorch_model.safetensors"),
    ("seen", "ip.safetensors"), ("seen", "image_encoder/model.safetensors"),
    ("edges", "controlnet/diffusion_pytorch_model.safetensors"),
  ]

  private func keys() throws -> [String: CacheKey] {
    let request = GraphRequest(
      path: folder.appending(path: "g.yaml").path(), contents: Array(Self.graph.utf8))
    let plan = try Planner(fileKeys: .contents).plan(try Engine().validate(request))
    return Dictionary(uniqueKeysWithValues: plan.steps.map { ($0.node.id, $0.key) })
  }

  private func prepare() throws {
    let manager = FileManager.default
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    for (source, name) in [
      ("tiny/model", "model"), ("tiny-vae", "vae"), ("tiny/resadapter_v2_sd1.5", "resadapter"),
      ("ip-adapter/ip-adapter-base.safetensors", "ip.safetensors"),
      ("ip-adapter/image_encoder", "image_encoder"), ("tiny/controlnet", "controlnet"),
      ("ip-adapter/tall.png", "look.png"),
    ] {
      try manager.copyItem(
        at: GraphRun.goldens.appending(path: source), to: folder.appending(path: name))
    }
  }

  @Test func areTheFilesThatNodesReadAndNoOthers() throws {
    try prepare()
    defer { try? FileManager.default.removeItem(at: folder) }
    let before = try keys()
    for name in ["model", "vae", "resadapter", "image_encoder", "controlnet", "model/unet"] {
      try Data("words".utf8).write(to: folder.appending(path: "\(name)/README.md"))
    }
    #expect(try keys() == before)
    for (node, name) in Self.files {
      let file = folder.appending(path: name)
      let whole = try Data(contentsOf: file)
      var changed = whole
      changed[changed.endIndex - 2] ^= 1
      try changed.write(to: file)
      let after = try keys()
      #expect(after[node] != before[node], "\(node) does not notice \(name)")
      #expect(after["start"] == before["start"])
      try whole.write(to: file)
    }
    #expect(try keys() == before)
  }
}
