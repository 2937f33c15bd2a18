import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels
@testable import Resgraph

/// SDXL from a folder and from one file, prompt to picture, against diffusers' pipeline: the fixture
/// of tools/goldens/sdxl_make.py.
@Suite struct SDXLTests {
  private let model: TinyFamily
  private let tolerance = TinyFamily.tolerance

  init() throws { model = try TinyFamily("sdxl") }

  // MARK: Prompts

  @Test func twoPromptsEqualDiffusers() throws {
    let node = try model.denoise()
    let expected = try model.expected("text")
    let found = try model.latents(node)
    expectClose(found, expected, within: tolerance)
    expectClose(
      try model.picture(of: found), try model.expected("picture"), within: tolerance)
  }

  /// What the picture hangs on: each part left out is noticed.
  @Test func everyPartOfTheConditioningCounts() throws {
    let node = try model.denoise()
    let expected = try model.expected("text")
    func differs(_ label: String, _ change: (inout ConditioningValue.Encoding) -> Void) throws {
      var positive = node.positive
      change(&positive.prompt)
      let found = try model.latents(node) { $0.positive = positive }
      expectDiffers(found, expected, beyond: tolerance, label)
      node.positive = try model.encode(TinyFamily.prompt, second: TinyFamily.second)
    }
    try differs("no pooled text") { $0.pooled = $0.pooled.map { $0 * 0 } }
    try differs("no first encoder") { $0.embeddings = $0.embeddings.zeroing(0..<64) }
    try differs("no second encoder") { $0.embeddings = $0.embeddings.zeroing(64..<192) }
  }

  @Test func sizesAreToldInPixelsHeightFirst() throws {
    // The node makes the size conditions; here they are made by hand to see that they count.
    let node = try model.denoise()
    let expected = try model.expected("text")
    func run(_ ids: [Float]) throws -> Tensor {
      let unet = try model.store.unet(model.unet)
      func condition(_ value: ConditioningValue) -> PromptCondition {
        PromptCondition(
          embeddings: value.prompt.embeddings, pooled: value.prompt.pooled,
          timeIDs: Tensor(ids, shape: [1, 6]))
      }
      var options = DenoiseOptions()
      (options.steps, options.guidance, options.seed) = (5, 5, 3)
      let denoiser = try Denoiser(
        predictor: unet, schedulerConfig: try model.unet.schedulerConfig(), options: options)
      return try denoiser.run(
        DenoiseInputs(
          start: .noise(shape: [1, 4, 8, 12]), positive: condition(node.positive),
          negative: condition(try #require(node.negative))))
    }
    expectClose(try run([64, 96, 0, 0, 64, 96]), expected, within: tolerance)
    expectDiffers(try run([96, 64, 0, 0, 96, 64]), expected, beyond: tolerance, "width first")
    expectDiffers(try run([8, 12, 0, 0, 8, 12]), expected, beyond: tolerance, "latent size")
    expectDiffers(try run([64, 96, 0, 8, 64, 96]), expected, beyond: tolerance, "cropped")
  }

  @Test func theSecondPromptDefaultsToTheFirst() throws {
    let node = try model.denoise()
    let found = try model.latents(node) { $0.positive = try model.encode(TinyFamily.prompt) }
    expectClose(found, try model.expected("one_prompt"), within: tolerance)
    expectDiffers(found, try model.expected("text"), beyond: tolerance)
  }

  /// No negative prompt means zeros, an empty one is encoded; a checkpoint may ask for the latter.
  @Test func noNegativePromptIsNotAnEmptyOne() throws {
    let node = try model.denoise(width: 72, height: 88)
    let zeros = try model.latents(node) { $0.negative = nil }
    expectClose(zeros, try model.expected("zeros"), within: tolerance)
    let empty = try model.latents(node) { $0.negative = try model.encode("") }
    expectClose(empty, try model.expected("empty"), within: tolerance)
    expectDiffers(zeros, empty, beyond: tolerance)

    let scratch = try TemporaryFolder()
    let path = try scratch.checkpoint(model.folder + "/model") {
      $0.replacing(
        "\"force_zeros_for_empty_prompt\": true", with: "\"force_zeros_for_empty_prompt\": false")
    }
    let other = try TinyFamily("sdxl", checkpoint: path)
    let encoded = try other.latents(try other.denoise(width: 72, height: 88)) { $0.negative = nil }
    expectClose(encoded, try model.expected("encoded_nothing"), within: tolerance)
    expectDiffers(zeros, encoded, beyond: tolerance)
  }

  @Test func skippedLayersCountFromTheLastButOne() throws {
    let node = try model.denoise()
    let found = try model.latents(node) {
      $0.positive = try model.encode(TinyFamily.prompt, second: TinyFamily.second, clipSkip: 1)
    }
    expectClose(found, try model.expected("clip_skip"), within: tolerance)
    expectDiffers(found, try model.expected("text"), beyond: tolerance)
  }

  /// Without its own padding token the second encoder reads other words.
  @Test func eachEncoderPadsItsOwnWay() throws {
    let scratch = try TemporaryFolder()
    let path = try scratch.checkpoint(model.folder + "/model") { $0 }
    try scratch.relink("model/tokenizer_2", to: model.folder + "/model/tokenizer")
    let other = try TinyFamily("sdxl", checkpoint: path)
    expectDiffers(
      try other.latents(try other.denoise()), try model.expected("text"), beyond: tolerance)
  }

  // MARK: Options

  @Test func batchesEqualDiffusers() throws {
    let node = try model.denoise(width: 64, height: 64, batch: 2)
    expectClose(try model.latents(node), try model.expected("batch"), within: tolerance)
  }

  @Test func guidanceEqualsDiffusers() throws {
    let node = try model.denoise()
    let unguided = try model.latents(node) { $0.guidance = 1 }
    expectClose(unguided, try model.expected("unguided"), within: tolerance)
    let rescaled = try model.latents(node) {
      $0.guidance = 5
      $0.guidanceRescale = 0.6
    }
    expectClose(rescaled, try model.expected("rescaled"), within: tolerance)
    expectDiffers(rescaled, try model.expected("text"), beyond: tolerance)
  }

  @Test(arguments: [
    SamplerKind.ddim, .eulerAncestral, .heun, .dpmpp2M, .unipc, .pndm, .lcm,
  ])
  func otherSamplersTakeTheCheckpointsSchedule(_ kind: SamplerKind) throws {
    let node = try model.denoise(width: 72, height: 88)
    node.sampler = kind
    if kind == .dpmpp2M { node.schedule = .karras }
    let expected = try model.expected("sampler.\(kind.rawValue)")
    expectClose(try model.latents(node), expected, within: tolerance, kind.rawValue)
  }

  // MARK: One file

  @Test func aSingleFileEqualsTheFolder() throws {
    let scratch = try TemporaryFolder()
    let path = scratch.path + "/sdxl.safetensors"
    try SingleFile(model.folder).write(to: path)
    let single = try TinyFamily("sdxl", checkpoint: path)
    #expect(single.unet.family == "sdxl")
    #expect(single.unet.base.layout.report.unused.isEmpty)
    let node = try single.denoise()
    expectClose(try single.latents(node), try model.expected("single"), within: tolerance)
    let odd = try single.denoise(width: 72, height: 88)
    odd.positive = try single.encode(
      TinyFamily.prompt, second: TinyFamily.second, clipSkip: 1)
    odd.negative = try single.encode("")
    expectClose(try single.latents(odd), try model.expected("single_odd"), within: tolerance)
  }

  /// The joint projection's order, the projection's orientation and the encoders' order all count.
  @Test func theSecondEncodersFormsCount() throws {
    let scratch = try TemporaryFolder()
    let prefix = "conditioner.embedders.1.model."
    func differs(
      _ label: String, _ change: (inout [String: RawTensor]) throws -> Void
    ) throws {
      let path = scratch.path + "/\(label).safetensors"
      try SingleFile(model.folder).write(to: path, change: change)
      let single = try TinyFamily("sdxl", checkpoint: path)
      expectDiffers(
        try single.latents(try single.denoise()), try model.expected("single"), beyond: tolerance,
        label)
    }
    try differs("queries and keys exchanged") { tensors in
      let name = prefix + "transformer.resblocks.0.attn.in_proj_weight"
      let joint = try #require(tensors[name])
      let values = joint.floats()
      let third = values.count / 3
      let other =
        Array(values[third..<2 * third]) + Array(values[..<third]) + Array(values[(2 * third)...])
      // Queries and keys alone may be exchanged only in the score's transpose, which the mask breaks.
      tensors[name] = RawTensor(other, shape: joint.shape)
    }
    try differs("projection not transposed") { tensors in
      let name = prefix + "text_projection"
      let matrix = try #require(tensors[name])
      tensors[name] = RawTensor(matrix.floats().reversed(), shape: matrix.shape)
    }
    try differs("a position shifted") { tensors in
      let name = prefix + "positional_embedding"
      let matrix = try #require(tensors[name])
      let values = matrix.floats()
      tensors[name] = RawTensor(
        Array(values[matrix.shape[1]...] + values[..<matrix.shape[1]]), shape: matrix.shape)
    }
  }
}

extension Tensor {
  /// A copy of [B, L, D] with some of its D features set to zero.
  func zeroing(_ features: Range<Int>) -> Tensor {
    let width = shape[2]
    let values = floats()
    let kept = values.indices.map { features.contains($0 % width) ? 0 : values[$0] }
    return Tensor(kept, shape: shape)
  }
}
