import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels
@testable import Resgraph

/// SD 2.x, which predicts velocity and reads open_clip's words, from a folder and from one file: the
/// fixture of tools/goldens/sd2_lcm_make.py.
@Suite struct SD2Tests {
  private let model: TinyFamily
  private let tolerance = TinyFamily.tolerance

  init() throws { model = try TinyFamily("sd2") }

  @Test func textToImageEqualsDiffusers() throws {
    #expect(model.unet.family == "sd2")
    let node = try model.denoise()
    let expected = try model.expected("text")
    let found = try model.latents(node)
    expectClose(found, expected, within: tolerance)
    expectClose(
      try model.picture(of: found), try model.expected("picture"), within: tolerance)
  }

  /// Here a missing negative prompt is the empty one.
  @Test func noNegativePromptIsTheEmptyOne() throws {
    let node = try model.denoise(width: 72, height: 88)
    let expected = try model.expected("odd")
    expectClose(try model.latents(node) { $0.negative = nil }, expected, within: tolerance)
    let empty = try model.latents(node) { $0.negative = try model.encode("") }
    expectClose(empty, expected, within: tolerance)
    let other = try model.latents(node) { $0.negative = try model.encode(TinyFamily.negative) }
    expectDiffers(other, expected, beyond: tolerance)
  }

  @Test func skippedLayersEqualDiffusers() throws {
    let node = try model.denoise()
    let found = try model.latents(node) {
      $0.positive = try model.encode(TinyFamily.prompt, clipSkip: 1)
    }
    expectClose(found, try model.expected("clip_skip"), within: tolerance)
    expectDiffers(found, try model.expected("text"), beyond: tolerance)
  }

  @Test(arguments: [SamplerKind.euler, .dpmpp2M, .lcm])
  func otherSamplersKnowThatItPredictsVelocity(_ kind: SamplerKind) throws {
    let node = try model.denoise(width: 72, height: 88)
    node.sampler = kind
    let expected = try model.expected("sampler.\(kind.rawValue)")
    expectClose(try model.latents(node), expected, within: tolerance, kind.rawValue)
  }

  /// The file's last layer is not used; its prediction type is read off its step count.
  @Test func aSingleFileEqualsTheFolder() throws {
    let scratch = try TemporaryFolder()
    let path = scratch.path + "/sd2.safetensors"
    try SingleFile(model.folder).write(to: path)
    let single = try TinyFamily("sd2", checkpoint: path)
    #expect(single.unet.family == "sd2")
    let expected = try model.expected("single")
    expectClose(try single.latents(try single.denoise()), expected, within: tolerance)
    let odd = try single.latents(try single.denoise(width: 72, height: 88)) { $0.negative = nil }
    expectClose(odd, try model.expected("single_odd"), within: tolerance)

    // The base model's step count means that noise is predicted.
    let base = scratch.path + "/base.safetensors"
    try SingleFile(model.folder).write(to: base, as: .float32) {
      $0["global_step"] = RawTensor([875_000], shape: [1])
    }
    let other = try TinyFamily("sd2", checkpoint: base)
    expectDiffers(try other.latents(try other.denoise()), expected, beyond: tolerance, "epsilon")
  }
}

/// A UNet that is told the guidance, as latent-consistency models are.
@Suite struct LatentConsistencyTests {
  private let scratch: TemporaryFolder
  private let model: TinyFamily
  private let tolerance = TinyFamily.tolerance

  init() throws {
    scratch = try TemporaryFolder()
    model = try TinyFamily.latentConsistency(in: scratch)
  }

  private func node(
    guidance: Double, steps: Int = 4, _ size: (Int, Int) = (96, 64), batch: Int = 1
  ) throws -> UNetDenoise {
    let node = try model.denoise(width: size.0, height: size.1, batch: batch)
    (node.guidance, node.steps) = (guidance, steps)
    return node
  }

  @Test func theCheckpointsOwnSamplerEqualsDiffusers() throws {
    let expected = try model.expected("text")
    expectClose(try model.latents(try node(guidance: 8.5)), expected, within: tolerance)
    expectDiffers(
      try model.latents(try node(guidance: 7.5)), expected, beyond: tolerance, "guidance")
    let odd = try model.latents(try node(guidance: 1, steps: 8, (72, 88)))
    expectClose(odd, try model.expected("odd"), within: tolerance)
    let batch = try model.latents(try node(guidance: 8.5, (64, 64), batch: 2))
    expectClose(batch, try model.expected("batch"), within: tolerance)
  }

  @Test func everySamplerTellsTheModelTheGuidance() throws {
    let node = try node(guidance: 8.5, steps: 5)
    node.sampler = .ddim
    expectClose(try model.latents(node), try model.expected("ddim"), within: tolerance)
  }

  /// It is never asked without the prompt, so nothing to stay away from has an effect.
  @Test func negativePromptsHaveNoEffect() throws {
    let node = try node(guidance: 8.5)
    let with = try model.latents(node).floats()
    #expect(try model.latents(node) { $0.negative = nil }.floats() == with)
  }
}
