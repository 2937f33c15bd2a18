import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// What ElasticDiffusion and MultiDiffusion take, and what they find before they run.
@Suite struct ElasticDiffusionTests {
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  private func latents(_ node: ElasticDiffusion, _ context: NodeContext) throws -> [Float] {
    var node = node
    try node.run(context)
    return node.denoised.tensor.floats()
  }

  private func latents(_ node: MultiDiffusion, _ context: NodeContext) throws -> [Float] {
    var node = node
    try node.run(context)
    return node.denoised.tensor.floats()
  }

  // MARK: No negative prompt

  /// The method encodes the empty prompt where SDXL's own pipeline takes zeros; MultiDiffusion does what that does.
  @Test func noNegativePromptOnSDXL() throws {
    let family = try TinyFamily("sdxl")
    let positive = try family.encode(TinyFamily.prompt)
    let empty = try family.encode("")
    var zeros = positive
    zeros.prompt = positive.empty
    #expect(positive.empty.embeddings.maxAbs() == 0 && positive.emptyPrompt.embeddings.maxAbs() > 0)

    func elastic(_ negative: ConditioningValue?) throws -> [Float] {
      let node = try model.elastic(width: 192, height: 144)
      (node.unet, node.positive, node.negative) = (family.unet, positive, negative)
      return try latents(node, family.context)
    }
    let method = try elastic(nil)
    #expect(try elastic(empty) == method)
    #expect(try elastic(zeros) != method)

    func multi(_ negative: ConditioningValue?) throws -> [Float] {
      let node = try model.multi(width: 192, height: 144)
      (node.unet, node.positive, node.negative) = (family.unet, positive, negative)
      return try latents(node, family.context)
    }
    let windows = try multi(nil)
    #expect(try multi(zeros) == windows)
    #expect(try multi(empty) != windows)
  }

  @Test func conditioningsKeepBothWhenTheyAreStored() throws {
    let family = try TinyFamily("sdxl")
    let value = try family.encode(TinyFamily.prompt)
    let read = try ConditioningValue(encoded: value.encoded())
    func numbers(_ encoding: PromptEncoding) -> [Float] {
      encoding.embeddings.floats() + (encoding.pooled?.floats() ?? [])
    }
    #expect(numbers(read.prompt) == numbers(value.prompt))
    #expect(numbers(read.empty) == numbers(value.empty))
    #expect(numbers(read.emptyPrompt) == numbers(value.emptyPrompt))
    #expect(read.family == "sdxl" && read.byteCount == value.byteCount)
    // SD 1.5's stand-in is the empty prompt itself.
    let plain = try model.encode(TinyModel.prompt)
    #expect(plain.encodedEmpty == nil)
    #expect(try ConditioningValue(encoded: plain.encoded()).encodedEmpty == nil)
  }

  /// As diffusers' `prompt_2 or prompt`.
  @Test func anEmptySecondPromptIsNone() throws {
    let family = try TinyFamily("sdxl")
    func numbers(_ second: String?) throws -> [Float] {
      try family.encode(TinyFamily.prompt, second: second).prompt.embeddings.floats()
    }
    #expect(try numbers("") == numbers(nil))
    #expect(try numbers("") == numbers(TinyFamily.prompt))
    #expect(try numbers(" ") != numbers(nil))
    // Where there is one encoder an empty text asks for nothing.
    let node = TextEncode()
    (node.textEncoder, node.prompt, node.secondPrompt) = (model.textEncoder, "a", "")
    #expect(model.validationErrors(node).isEmpty)
    node.secondPrompt = "b"
    #expect(model.validationErrors(node).map(\.port) == ["prompt_2"])
  }

  // MARK: Backgrounds

  private func vae(_ path: String) throws -> VAERecipe {
    var node = VAELoad()
    node.path = InputPath(path)
    try node.run(model.context)
    return node.vae
  }

  private static let tinyVAE =
    TinyModel.folder.deletingLastPathComponent().appending(path: "tiny-vae").path()

  @Test func aTinyAutoencoderDrawsBackgroundsToo() throws {
    let node = try model.elastic(width: 48, height: 40)
    let own = try latents(node, model.context)
    node.vae = try vae(Self.tinyVAE)
    #expect(model.validationErrors(node).isEmpty)
    let found = try latents(node, model.context)
    #expect(found != own && found.allSatisfy(\.isFinite))
    #expect(try latents(node, model.context) == found)
  }

  @Test func anAutoencoderOfOtherChannelsThanItsFileIsRefused() throws {
    let scratch = try TemporaryFolder()
    let config = try String(contentsOfFile: Self.tinyVAE + "/config.json", encoding: .utf8)
    let other = config.replacing("\"latent_channels\": 4", with: "\"latent_channels\": 16")
    #expect(other != config)
    try other.write(toFile: scratch.path + "/config.json", atomically: true, encoding: .utf8)
    let weights = "/diffusion_pytorch_model.safetensors"
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path + weights, withDestinationPath: Self.tinyVAE + weights)
    // The configuration asks for tensors of other shapes than the file has.
    let error = #expect(throws: WeightError.self) { try vae(scratch.path) }
    #expect(error.map { "\($0)" }?.contains("expected shape [16, 16, 3, 3]") == true)
  }

  @Test func aCheckpointWithoutAnAutoencoderIsFoundBeforeTheRun() throws {
    let scratch = try TemporaryFolder()
    let path = try scratch.checkpoint(TinyModel.path("model").resolved) {
      $0.replacing(/"vae": \[[^\]]*\]/, with: "\"vae\": [null, null]")
    }
    let family = try TinyFamily("tiny", checkpoint: path)
    let node = try model.elastic(width: 48, height: 40)
    node.unet = family.unet
    let errors = model.validationErrors(node)
    #expect(errors.map(\.port) == ["vae"])
    #expect(errors.first?.message.contains(path) == true)
    node.vae = model.vae
    #expect(model.validationErrors(node).isEmpty)
  }

  // MARK: Latent-consistency models

  @Test func aDenoiserThatIsToldTheGuidance() throws {
    let scratch = try TemporaryFolder()
    let family = try TinyFamily.latentConsistency(in: scratch)
    let elastic = try model.elastic(width: 128, height: 96)
    elastic.unet = family.unet
    let errors = model.validationErrors(elastic)
    #expect(errors.map(\.port) == ["unet"])
    #expect(errors.first?.got == family.unet.base.path)

    // MultiDiffusion asks it once per window, like UNetDenoise.
    let denoise = try family.denoise()
    (denoise.guidance, denoise.steps) = (8.5, 4)
    let node = try model.multi(width: 96, height: 64)
    (node.unet, node.positive, node.negative) = (family.unet, denoise.positive, denoise.negative)
    (node.window, node.guidance, node.seed) = (12, 8.5, denoise.seed)
    #expect(model.validationErrors(node).isEmpty)
    #expect(try latents(node, family.context) == family.latents(denoise).floats())
    node.window = 8
    #expect(try latents(node, family.context).allSatisfy(\.isFinite))
  }

  // MARK: Memory

  @Test func estimatesCountWhatIsLoaded() throws {
    let context = ValidationContext(nodeID: "node", environment: model.environment)
    func working(_ node: some NodeType) throws -> Int {
      try #require(node.estimateMemory(context)).workingBytes
    }
    // One window is one call of the whole.
    let windows = try model.multi(width: 64, height: 64)
    let plain = try model.denoise(width: 64, height: 64, seed: 1)
    #expect(try working(windows) == working(plain))
    let unguided = try model.multi(width: 64, height: 64)
    unguided.guidance = 1
    #expect(try working(unguided) < working(windows))

    let square = try model.elastic(width: 128, height: 128)
    let wide = try model.elastic(width: 128, height: 96)
    let weights = try model.vae.source().packedByteCount
    #expect(weights > 0)
    #expect(try working(wide) >= working(square) + weights)
    // The tiny one is another autoencoder.
    let other = try vae(Self.tinyVAE)
    let before = try working(wide)
    wide.vae = other
    #expect(try working(wide) != before)
  }
}
