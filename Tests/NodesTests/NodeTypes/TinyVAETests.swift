import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// The small autoencoder through the nodes, against diffusers; made by tools/goldens/tiny_vae_make.py.
@Suite struct TinyVAETests {
  private static let folder = TinyModel.folder.deletingLastPathComponent()
    .appending(path: "tiny-vae")
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  private func expected(_ name: String) throws -> Tensor {
    let file = try SafetensorsFile(
      path: Self.folder.appending(path: "expected.safetensors").path())
    return Tensor(try file.tensor(name))
  }

  private func load(_ path: URL) throws -> VAERecipe {
    var node = VAELoad()
    node.path = InputPath(path.path())
    try node.run(model.context)
    return node.vae
  }

  private func decoded(with vae: VAERecipe) throws -> Tensor {
    var node = VAEDecode()
    node.vae = vae
    node.latent = LatentValue(try expected("latent"))
    try node.run(model.context)
    return node.image.tensor
  }

  private func checkDecoding(_ vae: VAERecipe) throws {
    let found = try decoded(with: vae)
    #expect(relativeError(found, try expected("picture")) < 2e-5)
  }

  @Test func decodingEqualsDiffusers() throws {
    try checkDecoding(load(Self.folder))
    // The other autoencoder's scaling would show.
    var node = VAEDecode()
    node.vae = try load(Self.folder)
    node.latent = LatentValue(try expected("latent") * (1 / 0.18215))
    try node.run(model.context)
    #expect(relativeError(node.image.tensor, try expected("picture")) > 0.1)
  }

  @Test func encodingEqualsDiffusers() throws {
    var picture = ImageLoad()
    picture.path = TinyModel.path("photo.png")
    (picture.width, picture.height) = (96, 64)
    try picture.run(model.context)
    var node = VAEEncode()
    node.vae = try load(Self.folder)
    node.image = picture.image
    try node.run(model.context)
    #expect(relativeError(node.latent.tensor, try expected("encoded")) < 2e-5)

    node.sample = .random
    #expect(throws: NodeError.self) { try node.run(model.context) }
  }

  @Test func aFileWithoutConfigurationIsRecognised() throws {
    let layout = try AutoencoderLayout.open(
      path: Self.folder.appending(path: "diffusion_pytorch_model.safetensors").path())
    #expect(layout.config.string("_class_name") == "AutoencoderTiny")
    #expect(layout.notes.count == 1)
  }

  @Test func aCheckpointMayHaveOne() throws {
    let files = FileManager.default
    let scratch = try TemporaryFolder()
    let folder = scratch.url
    let source = TinyModel.folder.appending(path: "model")
    for part in ["unet", "text_encoder", "tokenizer", "scheduler"] {
      try files.createSymbolicLink(
        at: folder.appending(path: part), withDestinationURL: source.appending(path: part))
    }
    try files.createSymbolicLink(
      at: folder.appending(path: "vae"), withDestinationURL: Self.folder)
    let index = try String(
      contentsOf: source.appending(path: "model_index.json"), encoding: .utf8)
    try index.replacing("AutoencoderKL", with: "AutoencoderTiny").write(
      to: folder.appending(path: "model_index.json"), atomically: true, encoding: .utf8)
    var node = CheckpointLoad()
    node.path = InputPath(folder.path())
    try node.run(model.context)
    try checkDecoding(node.vae)
  }

  @Test func whatItCannotDoIsSaidBeforeTheRun() throws {
    var decode = VAEDecode()
    decode.vae = try load(Self.folder)
    decode.latent = .predicted([1, 4, 8, 8])
    decode.tile = .pixels(64)
    let context = ValidationContext(nodeID: "node")
    try decode.validate(context)
    #expect(context.errors.count == 1)
    #expect(decode.image.shape == [1, 3, 64, 64])
    decode.latent = .predicted([1, 16, 8, 8])
    #expect(throws: NodeError.self) { try decode.validate(ValidationContext(nodeID: "node")) }
  }
}
