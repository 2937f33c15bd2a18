import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// Nodes joined as a graph joins them, against diffusers' pipelines.
@Suite struct PipelineTests {
  private let tolerance: Float = 5e-4

  @Test func textToImageEqualsDiffusers() throws {
    let model = try TinyModel()
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    try denoise.run(model.context)
    let expected = try TinyModel.expected("text")
    #expect(relativeError(denoise.denoised.tensor, expected) < tolerance)

    var decode = VAEDecode()
    decode.vae = model.vae
    decode.latent = denoise.denoised
    try decode.run(model.context)
    let picture = try TinyModel.expected("picture")
    let gaps = zip(decode.image.tensor.floats(), picture.floats()).map {
      abs(Int(PixelImage.byte($0)) - Int(PixelImage.byte($1)))
    }
    #expect(gaps.max() ?? 255 <= 1)
    #expect(Double(gaps.count { $0 > 0 }) < 0.001 * Double(gaps.count))
  }

  @Test func oddSizesAndTheEmptyNegativeEqualDiffusers() throws {
    let model = try TinyModel()
    var denoise = try model.denoise(width: 72, height: 88, seed: 4)
    denoise.negative = nil
    try denoise.run(model.context)
    let expected = try TinyModel.expected("odd")
    #expect(relativeError(denoise.denoised.tensor, expected) < tolerance)

    denoise.negative = try model.encode(TinyModel.negative)
    try denoise.run(model.context)
    #expect(relativeError(denoise.denoised.tensor, expected) > 10 * tolerance)
  }

  @Test func batchesEqualDiffusers() throws {
    let model = try TinyModel()
    var denoise = try model.denoise(width: 64, height: 64, seed: 5, batch: 2)
    try denoise.run(model.context)
    let expected = try TinyModel.expected("batch")
    #expect(relativeError(denoise.denoised.tensor, expected) < tolerance)
  }

  /// The fixtures' photo as a random latent, and the noise that follows: diffusers draws both from one generator.
  private func encodedPhoto(
    _ model: TinyModel, seed: Seed
  ) throws -> (latent: LatentValue, noise: NoiseValue) {
    var load = ImageLoad()
    load.path = TinyModel.path("photo.png")
    (load.width, load.height) = (96, 64)
    try load.run(model.context)
    var encode = VAEEncode()
    (encode.vae, encode.image) = (model.vae, load.image)
    (encode.sample, encode.seed) = (.random, seed)
    try encode.run(model.context)
    var noise = Noise()
    (noise.latent, noise.seed, noise.skip) = (encode.latent, seed, 1)
    try noise.run(model.context)
    return (encode.latent, noise.noise)
  }

  @Test func imageToImageEqualsDiffusers() throws {
    let model = try TinyModel()
    let (latent, noise) = try encodedPhoto(model, seed: 6)
    var denoise = try model.denoise(width: 96, height: 64, seed: 6)
    denoise.latent = latent
    denoise.noise = noise
    denoise.strength = 0.6
    try denoise.run(model.context)
    let expected = try TinyModel.expected("from_image")
    #expect(relativeError(denoise.denoised.tensor, expected) < tolerance)
  }

  @Test(arguments: [("painted", 1.0), ("retouched", 0.6)])
  func inpaintingEqualsDiffusers(_ golden: String, _ strength: Double) throws {
    let model = try TinyModel()
    var load = ImageLoad()
    (load.width, load.height) = (96, 64)
    load.path = TinyModel.path("mask.png")
    try load.run(model.context)
    let (latent, noise) = try encodedPhoto(model, seed: 8)
    var inpaint = InpaintLatent()
    inpaint.latent = latent
    inpaint.mask = load.mask
    try inpaint.run(model.context)
    var denoise = try model.denoise(width: 96, height: 64, seed: 8)
    denoise.latent = try LatentValue(encoded: try inpaint.marked.encoded())
    denoise.noise = noise
    denoise.strength = strength
    try denoise.run(model.context)
    let expected = try TinyModel.expected(golden)
    #expect(relativeError(denoise.denoised.tensor, expected) < tolerance)
    denoise.latent = latent
    try denoise.run(model.context)
    #expect(relativeError(denoise.denoised.tensor, expected) > 10 * tolerance)
  }

  @Test func aMaskOfAnotherSizeIsRefused() throws {
    var inpaint = InpaintLatent()
    inpaint.latent = .predicted([1, 4, 8, 12])
    inpaint.mask = .predicted([1, 1, 64, 64])
    #expect(throws: NodeError.self) { try inpaint.validate(ValidationContext(nodeID: "node")) }
  }

  @Test func adaptersEqualDiffusersAndEachPartMatters() throws {
    let model = try TinyModel()
    var wide = ResAdapterLoad()
    wide.unet = model.unet
    wide.path = TinyModel.path("resadapter_v2_sd1.5")
    wide.weight = 0.7
    try wide.run(model.context)
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    func error(_ unet: UNetRecipe, _ expected: Tensor) throws -> Float {
      denoise.unet = unet
      try denoise.run(model.context)
      return relativeError(denoise.denoised.tensor, expected)
    }
    let expected = try TinyModel.expected("resadapter")
    #expect(try error(wide.adapted, expected) < tolerance)
    var partial = wide.adapted
    partial.overlays.removeFirst()
    #expect(try error(partial, expected) > 10 * tolerance, "without its LoRA")
    partial = wide.adapted
    partial.overlays.removeLast()
    #expect(try error(partial, expected) > 10 * tolerance, "without its norms")

    var fast = LCMLoRA()
    fast.unet = wide.adapted
    fast.path = TinyModel.path("lcm-lora")
    try fast.run(model.context)
    denoise.sampler = .lcm
    denoise.guidance = 1
    denoise.steps = 4
    let expectedFast = try TinyModel.expected("lcm")
    #expect(try error(fast.adapted, expectedFast) < tolerance)
    #expect(try error(wide.adapted, expectedFast) > 10 * tolerance)
  }

  @Test func aWeightOfZeroIsTheBareModel() throws {
    let model = try TinyModel()
    var wide = ResAdapterLoad()
    wide.unet = model.unet
    wide.path = TinyModel.path("resadapter_v2_sd1.5")
    wide.weight = 0
    wide.normWeight = 0
    try wide.run(model.context)
    #expect(wide.adapted.identity == model.unet.identity)
  }

  @Test func anAdapterOfAnotherModelIsRefusedByItsHeader() throws {
    let model = try TinyModel()
    var wide = ResAdapterLoad()
    wide.unet = model.unet
    wide.path = TinyModel.path("resadapter_v2_sdxl")
    #expect(throws: WeightError.self) { try wide.run(model.context) }
    #expect(model.store.loadCount == 0)
  }

  @Test func aStoppedRunGoesOnToTheSameBits() throws {
    let model = try TinyModel()
    var whole = try model.denoise(width: 64, height: 64, seed: 9)
    whole.sampler = .dpmpp2MSDE
    try whole.run(model.context)

    var environment = model.environment
    environment.snapshots = MemorySnapshots()
    let token = environment.cancellation
    let stopping = NodeContext(nodeID: "node", environment: environment) { report in
      if case .progress(3, _) = report { token.cancel(.interrupt) }
    }
    var stopped = try model.denoise(width: 64, height: 64, seed: 9)
    stopped.sampler = .dpmpp2MSDE
    #expect(throws: RunCancelled.self) { try stopped.run(stopping) }

    environment.cancellation = CancellationToken()
    let resuming = NodeContext(
      nodeID: "node", environment: environment, cacheKey: stopping.cacheKey
    ) { report in
      if case .progress(let step, _) = report { #expect(step >= 3) }
    }
    try stopped.run(resuming)
    #expect(stopped.denoised.tensor.floats() == whole.denoised.tensor.floats())
  }

  @Test func modelsAreSharedAndLetGo() throws {
    let model = try TinyModel()
    _ = try model.encode("one")
    _ = try model.encode("two")
    #expect(model.store.loadCount == 1)
    let tight = ModelStore(budgetBytes: 1)
    _ = try tight.vae(model.vae)
    _ = try tight.unet(model.unet)
    _ = try tight.vae(model.vae)
    #expect(tight.loadCount == 3)
  }
}

@Suite struct DenoiseValidationTests {
  private func findings(_ node: UNetDenoise) throws -> (errors: [NodeError], warnings: [NodeError])
  {
    var node = node
    let context = ValidationContext(nodeID: "node")
    try node.validate(context)
    return (context.errors, context.warnings)
  }

  @Test func strengthNeedsAPicture() throws {
    let node = try TinyModel().denoise(width: 64, height: 64, seed: 1)
    node.strength = 0.5
    #expect(try findings(node).errors.map(\.port) == ["strength"])
  }

  @Test func noiseMustFitTheLatent() throws {
    let node = try TinyModel().denoise(width: 64, height: 64, seed: 1)
    node.noise = .predicted([1, 4, 8, 9])
    #expect(try findings(node).errors.map(\.port) == ["noise"])
  }

  @Test func aSamplerThatCannotDoTheScheduleIsNamed() throws {
    let node = try TinyModel().denoise(width: 64, height: 64, seed: 1)
    node.sampler = .lcm
    node.schedule = .karras
    #expect(try findings(node).errors.map(\.port) == ["sampler"])
  }

  @Test func sizesOutsideAnAdaptersRangeAreWarnedOf() throws {
    let model = try TinyModel()
    var wide = ResAdapterLoad()
    wide.unet = model.unet
    wide.path = TinyModel.path("resadapter_v2_sd1.5")
    try wide.run(model.context)
    let node = try model.denoise(width: 64, height: 64, seed: 1)
    node.unet = wide.adapted
    #expect(try findings(node).warnings.map(\.port) == ["latent"])
    node.latent = LatentValue(content: .zeros([1, 4, 64, 96]))
    #expect(try findings(node).warnings.isEmpty)
  }
}
