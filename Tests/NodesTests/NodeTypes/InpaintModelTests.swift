import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// A denoiser of nine channels against diffusers; made by tools/goldens/inpaint_model_make.py.
@Suite struct InpaintModelTests {
  private let tolerance: Float = 5e-4
  private let model: TinyModel
  private let painter: UNetRecipe
  private let picture: ImageValue
  private let mask: MaskValue

  private static let folder = GraphRun.goldens.appending(path: "inpaint")

  init() throws {
    model = try TinyModel()
    var load = CheckpointLoad()
    load.path = InputPath(Self.folder.appending(path: "model").path())
    try load.run(model.context)
    painter = load.unet
    var image = ImageLoad()
    (image.width, image.height) = (96, 64)
    image.path = TinyModel.path("mask.png")
    try image.run(model.context)
    mask = image.mask
    image.path = TinyModel.path("photo.png")
    try image.run(model.context)
    picture = image.image
  }

  /// The marked latent; diffusers draws its noise, and with a strength below 1 the picture, before it.
  private func marked(skip: Int) throws -> LatentValue {
    var encode = VAEEncode()
    encode.vae = model.vae
    encode.image = picture
    encode.sample = .random
    encode.seed = 8
    try encode.run(model.context)
    var inpaint = InpaintLatent()
    inpaint.latent = encode.latent
    inpaint.mask = mask
    inpaint.vae = model.vae
    inpaint.image = picture
    inpaint.sample = .random
    inpaint.seed = 8
    inpaint.skip = skip
    try inpaint.run(model.context)
    return try LatentValue(encoded: inpaint.marked.encoded())
  }

  private func error(
    _ golden: String, skip: Int, _ change: (UNetDenoise) throws -> Void = { _ in }
  ) throws -> Float {
    var denoise = try model.denoise(width: 96, height: 64, seed: 8)
    denoise.unet = painter
    denoise.latent = try marked(skip: skip)
    try change(denoise)
    try denoise.run(model.context)
    let file = try SafetensorsFile(path: Self.folder.appending(path: "expected.safetensors").path())
    return relativeError(denoise.denoised.tensor, Tensor(try file.tensor(golden)))
  }

  @Test func paintingEqualsDiffusers() throws {
    #expect(try error("painted", skip: 1) < tolerance)
    #expect(try error("painted", skip: 2) > 5 * tolerance, "with another encoding of the picture")
  }

  @Test func retouchingEqualsDiffusers() throws {
    let found = try error("retouched", skip: 2) {
      $0.strength = 0.6
      $0.skip = 1
    }
    #expect(found < tolerance)
    #expect(try error("retouched", skip: 2) { $0.strength = 0.6 } > 10 * tolerance)
  }

  @Test func aControlNetDoesNotSeeTheMask() throws {
    var node = ControlNet()
    node.path = TinyModel.path("controlnet")
    node.image = picture
    node.weight = 0.8
    try node.run(model.context)
    let control = node.control
    #expect(try error("controlled", skip: 1) { $0.control = [control] } < tolerance)
    #expect(try error("controlled", skip: 1) > 10 * tolerance)
  }

  @Test func anUnmarkedLatentIsFoundBeforeTheRun() throws {
    var denoise = try model.denoise(width: 96, height: 64, seed: 8)
    denoise.unet = painter
    let context = ValidationContext(nodeID: "node")
    try denoise.validate(context)
    #expect(context.errors.map(\.port) == ["latent"])
    var inpaint = InpaintLatent()
    inpaint.latent = .predicted([1, 4, 8, 12])
    inpaint.mask = mask
    inpaint.vae = model.vae
    inpaint.image = .predicted([1, 3, 64, 96])
    try inpaint.validate(context)
    denoise.latent = inpaint.marked
    let second = ValidationContext(nodeID: "node")
    try denoise.validate(second)
    #expect(second.errors.isEmpty)
  }

  @Test func pictureAndAutoencoderComeTogether() throws {
    var inpaint = InpaintLatent()
    inpaint.latent = .predicted([1, 4, 8, 12])
    inpaint.mask = .predicted([1, 1, 64, 96])
    inpaint.vae = nil
    inpaint.image = .predicted([1, 3, 64, 96])
    let context = ValidationContext(nodeID: "node")
    let missing = #expect(throws: NodeError.self) { try inpaint.validate(context) }
    #expect(missing?.port == "vae")
    inpaint.vae = model.vae
    inpaint.image = nil
    let absent = #expect(throws: NodeError.self) { try inpaint.validate(context) }
    #expect(absent?.port == "image")
    inpaint.image = .predicted([1, 3, 64, 64])
    let wrong = #expect(throws: NodeError.self) { try inpaint.validate(context) }
    #expect(wrong?.port == "image")
  }
}
