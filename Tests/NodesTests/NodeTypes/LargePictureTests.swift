import GraphRuntime
import TensorRuntime
import Testing

@testable import DiffusionModels
@testable import Resgraph

/// The nodes that draw beyond a denoiser's own size, and weighted prompts in a graph.
@Suite struct LargePictureTests {
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  private func photo(_ width: Int, _ height: Int) throws -> ImageValue {
    var load = ImageLoad()
    load.path = TinyModel.path("photo.png")
    (load.width, load.height) = (width, height)
    try load.run(model.context)
    return load.image
  }

  private func controlNet(_ image: ImageValue, guess: Bool = false) throws -> ControlValue {
    var node = ControlNet()
    node.path = TinyModel.path("controlnet")
    (node.image, node.guess) = (image, guess)
    try node.run(model.context)
    return node.control
  }

  @Test func elasticDiffusionDrawsAtOtherSizes() throws {
    for (width, height) in [(128, 128), (192, 64), (72, 136), (48, 40)] {
      var node = try model.elastic(width: width, height: height)
      #expect(model.validationErrors(node).isEmpty)
      try node.run(model.context)
      #expect(node.denoised.shape == [1, 4, height / 8, width / 8])
      #expect(!node.denoised.tensor.hasNonFinite)
    }
  }

  @Test func elasticDiffusionsParametersCount() throws {
    func latents(_ change: (ElasticDiffusion) -> Void) throws -> [Float] {
      var node = try model.elastic(width: 128, height: 96)
      change(node)
      try node.run(model.context)
      return node.denoised.tensor.floats()
    }
    let plain = try latents { _ in }
    #expect(try latents { _ in } == plain)
    let changes: [(ElasticDiffusion) -> Void] = [
      { $0.resamplingSteps = 0 }, { $0.newP = 0.9 }, { $0.rrgScale = 0 }, { $0.rrgStop = 0.9 },
      { $0.cosineScale = 1 }, { $0.patch = 2 }, { $0.native = 96 }, { $0.seed = 1 },
      { $0.guidance = 3 }, { $0.steps = 5 }, { $0.eta = 0.5 }, { $0.guidanceRescale = 0.7 },
      { $0.spacing = .trailing }, { $0.rrgSchedule = .linear },
    ]
    for (index, change) in changes.enumerated() {
      #expect(try latents(change) != plain, "change \(index)")
    }
    // Computing windows together changes rounding at most.
    let together = try latents { $0.viewBatch = 4 }
    #expect(zip(together, plain).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  /// With a ResAdapter the denoiser draws larger areas well: fewer windows.
  @Test func elasticDiffusionTakesAResAdapterAndALargerSide() throws {
    var adapter = ResAdapterLoad()
    adapter.unet = model.unet
    adapter.path = TinyModel.path("resadapter_v2_sd1.5")
    try adapter.run(model.context)
    var node = try model.elastic(width: 192, height: 128)
    node.unet = adapter.adapted
    node.native = 128
    #expect(model.validationErrors(node).isEmpty)
    try node.run(model.context)
    var bare = try model.elastic(width: 192, height: 128)
    bare.native = 128
    try bare.run(model.context)
    #expect(node.denoised.tensor.floats() != bare.denoised.tensor.floats())
  }

  @Test func elasticDiffusionTakesControls() throws {
    func latents(_ controls: [ControlValue]) throws -> [Float] {
      var node = try model.elastic(width: 128, height: 96)
      node.control = controls
      #expect(model.validationErrors(node).isEmpty)
      try node.run(model.context)
      return node.denoised.tensor.floats()
    }
    let plain = try latents([])
    let full = try latents([controlNet(photo(128, 96))])
    let reduced = try latents([controlNet(photo(64, 48))])
    #expect(full != plain && reduced != plain)
    let node = try model.elastic(width: 128, height: 96)
    node.control = [try controlNet(photo(96, 96))]
    #expect(model.validationErrors(node).first?.port == "control")
    node.control = [try controlNet(photo(128, 96), guess: true)]
    #expect(model.validationErrors(node).first?.port == "control")
  }

  @Test func whatMakesNoSenseIsFoundBeforeTheRun() throws {
    var node = try model.elastic(width: 128, height: 96)
    node.sampler = .euler
    #expect(model.validationErrors(node).map(\.port) == ["sampler"])
    node = try model.elastic(width: 128, height: 96)
    node.schedule = .karras
    #expect(model.validationErrors(node).map(\.port) == ["sampler"])
    node = try model.elastic(width: 128, height: 96)
    node.patch = 9
    #expect(model.validationErrors(node).map(\.port) == ["patch"])
    node = try model.elastic(width: 128, height: 96)
    node.strength = 0.5
    #expect(model.validationErrors(node).map(\.port) == ["strength"])
    node = try model.elastic(width: 128, height: 96)
    node.noise = NoiseValue(Tensor.zeros([1, 4, 2, 2]))
    #expect(model.validationErrors(node).map(\.port) == ["noise"])
    let windows = try model.multi(width: 128, height: 96)
    windows.stride = 9
    #expect(model.validationErrors(windows).map(\.port) == ["stride"])
  }

  @Test func multiDiffusionDrawsInWindows() throws {
    var node = try model.multi(width: 160, height: 72)
    #expect(model.validationErrors(node).isEmpty)
    try node.run(model.context)
    #expect(node.denoised.shape == [1, 4, 9, 20] && !node.denoised.tensor.hasNonFinite)
    var other = try model.multi(width: 160, height: 72)
    other.stride = 8
    try other.run(model.context)
    #expect(other.denoised.tensor.floats() != node.denoised.tensor.floats())
  }

  /// One window is what UNetDenoise does, also with a control and a mask.
  @Test func multiDiffusionWithOneWindowIsUNetDenoise() throws {
    let control = try controlNet(photo(96, 64))
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    denoise.control = [control]
    denoise.steps = 4
    try denoise.run(model.context)
    var node = try model.multi(width: 96, height: 64)
    node.control = [control]
    (node.window, node.seed) = (12, 3)
    try node.run(model.context)
    #expect(node.denoised.tensor.floats() == denoise.denoised.tensor.floats())
  }

  @Test(arguments: [PromptWeighting.a1111, .comfy])
  func weightedPromptsOfAnyLengthAreDrawn(_ weighting: PromptWeighting) throws {
    func encode(_ prompt: String) throws -> ConditioningValue {
      var node = TextEncode()
      node.textEncoder = model.textEncoder
      (node.prompt, node.weighting) = (prompt, weighting)
      try node.run(model.context)
      return node.conditioning
    }
    let long = String(repeating: "a (red:1.2) lighthouse on a hill, ", count: 8)
    let positive = try encode(long)
    #expect(positive.prompt.embeddings.shape[1] > 77)
    #expect(positive.prompt.embeddings.shape[1] % 77 == 0)
    func latents(_ positive: ConditioningValue, _ negative: ConditioningValue?) throws -> [Float] {
      var node = try model.denoise(width: 64, height: 64, seed: 3)
      (node.positive, node.negative, node.steps) = (positive, negative, 2)
      try node.run(model.context)
      return node.denoised.tensor.floats()
    }
    // A short negative beside a long prompt, and a long one beside a short prompt.
    let found = try latents(positive, nil)
    #expect(found.allSatisfy { $0.isFinite })
    #expect(try latents(encode("a hill"), positive).allSatisfy { $0.isFinite })
    #expect(try latents(encode(long.replacing("1.2", with: "0.2")), nil) != found)
  }

  /// Both nodes give SDXL its pooled text and sizes, and weights reach both of its encoders.
  @Test func everythingWorksOnSDXL() throws {
    let family = try TinyFamily("sdxl")
    func encode(_ prompt: String, second: String? = nil) throws -> ConditioningValue {
      var node = TextEncode()
      node.textEncoder = family.textEncoder
      (node.prompt, node.secondPrompt) = (prompt, second)
      node.weighting = .comfy
      try node.run(family.context)
      return node.conditioning
    }
    let long = String(repeating: "a (red:1.2) lighthouse on a hill, ", count: 8)
    let positive = try encode(long)
    let tokens = positive.prompt.embeddings.shape[1]
    #expect(tokens > 77 && tokens % 77 == 0 && positive.prompt.pooled != nil)
    // The encoder with the shorter text gets empty chunks.
    #expect(try encode(long, second: "oil").prompt.embeddings.shape[1] == tokens)
    let elastic = try model.elastic(width: 192, height: 144)
    (elastic.unet, elastic.positive) = (family.unet, positive)
    #expect(model.validationErrors(elastic).isEmpty)
    var elasticRun = elastic
    try elasticRun.run(family.context)
    #expect(!elasticRun.denoised.tensor.hasNonFinite)
    let multi = try model.multi(width: 192, height: 144)
    (multi.unet, multi.positive, multi.negative) = (family.unet, positive, nil)
    #expect(model.validationErrors(multi).isEmpty)
    var multiRun = multi
    try multiRun.run(family.context)
    #expect(!multiRun.denoised.tensor.hasNonFinite)
  }

  /// Without weighting brackets are text.
  @Test func bracketsAreTextUnlessAskedFor() throws {
    func encode(_ prompt: String, _ weighting: PromptWeighting) throws -> [Float] {
      var node = TextEncode()
      node.textEncoder = model.textEncoder
      (node.prompt, node.weighting) = (prompt, weighting)
      try node.run(model.context)
      return node.conditioning.prompt.embeddings.floats()
    }
    #expect(try encode("a (red:1.3) house", .none) != encode("a red house", .none))
    #expect(try encode("a (red:1.0) house", .comfy) == encode("a red house", .none))
    #expect(try encode("a (red:1.3) house", .comfy) != encode("a red house", .none))
  }
}
