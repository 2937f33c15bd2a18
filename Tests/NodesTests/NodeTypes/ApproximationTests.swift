import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// The opt-in approximations of a denoiser: nothing changes while they are off, and what changes
/// when they are on is bounded.
@Suite struct ApproximationTests {
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  /// The tiny model's latent with some options set.
  private func denoised(_ change: (inout UNetDenoise) throws -> Void = { _ in }) throws -> Tensor {
    var node = try model.denoise(width: 96, height: 64, seed: 3)
    node.steps = 6
    node.sampler = .ddim
    try change(&node)
    try node.run(model.context)
    return node.denoised.tensor
  }

  @Test func neutralValuesChangeNoBit() throws {
    let neutral = try denoised {
      $0.guidanceStart = 0
      $0.guidanceEnd = 1
      $0.reuse = 1
      $0.tokenMerge = 0
    }
    #expect(neutral.floats() == (try denoised().floats()))
  }

  @Test func guidanceCountsInItsIntervalAlone() throws {
    let unguided = try denoised { $0.guidance = 1 }
    // No step lies wholly between these.
    let nowhere = try denoised {
      $0.guidanceStart = 0.9
      $0.guidanceEnd = 0.95
    }
    #expect(nowhere.floats() == unguided.floats())
    let half = try denoised { $0.guidanceEnd = 0.5 }
    let exact = try denoised()
    #expect(relativeError(half, exact) > 1e-3 && relativeError(half, unguided) > 1e-3)
    #expect(relativeError(half, exact) < relativeError(unguided, exact))
  }

  @Test func controlsAndImagesFollowTheInterval() throws {
    var picture = ImageLoad()
    picture.path = TinyModel.path("photo.png")
    (picture.width, picture.height) = (96, 64)
    try picture.run(model.context)
    var guide = ControlNet()
    guide.path = TinyModel.path("controlnet")
    guide.image = picture.image
    try guide.run(model.context)
    let control = guide.control
    let unguided = try denoised {
      $0.guidance = 1
      $0.control = [control]
    }
    let nowhere = try denoised {
      $0.control = [control]
      $0.guidanceStart = 0.9
      $0.guidanceEnd = 0.95
    }
    #expect(relativeError(nowhere, unguided) < 1e-5)
    #expect(relativeError(nowhere, try denoised { $0.guidance = 1 }) > 1e-3)
    let reused = try denoised {
      $0.control = [control]
      $0.reuse = 3
    }
    #expect(!reused.hasNonFinite)
  }

  @Test func reusedFeaturesCountBetweenWholeStepsAlone() throws {
    let exact = try denoised()
    let reused = try denoised { $0.reuse = 2 }
    #expect(relativeError(reused, exact) > 1e-4 && !reused.hasNonFinite)
    // A run of one step is whole.
    let first = try denoised { $0.steps = 1 }
    let alone = try denoised {
      $0.steps = 1
      $0.reuse = 4
    }
    #expect(first.floats() == alone.floats())
  }

  @Test func mergedTokensChangeTheResultAtAnySize() throws {
    let exact = try denoised()
    let merged = try denoised { $0.tokenMerge = 0.5 }
    #expect(relativeError(merged, exact) > 1e-4 && !merged.hasNonFinite)
    let odd = try model.denoise(width: 72, height: 88, seed: 4)
    odd.tokenMerge = 0.75
    var node = odd
    try node.run(model.context)
    #expect(!node.denoised.tensor.hasNonFinite)
  }

  /// A run that stops anywhere goes on to the bits of the run that did not.
  @Test(arguments: 1...5) func stoppedRunsGoOnExactly(stop: Int) throws {
    struct Stopped: Error {}
    var options = DenoiseOptions()
    options.steps = 6
    options.sampler.kind = .eulerAncestral
    options.approximations.reuse = 3
    options.approximations.guidanceEnd = 0.5
    let denoiser = try Denoiser(
      predictor: try model.store.unet(model.unet),
      schedulerConfig: try model.unet.schedulerConfig(), options: options)
    let prompt = try model.encode(TinyModel.prompt)
    let inputs = DenoiseInputs(
      start: .noise(shape: [1, 4, 8, 8]),
      positive: PromptCondition(embeddings: prompt.prompt.embeddings),
      negative: PromptCondition(embeddings: prompt.empty.embeddings))
    let whole = try denoiser.run(inputs)
    var saved: DenoiseState?
    #expect(throws: Stopped.self) {
      _ = try denoiser.run(inputs) { progress in
        saved = progress.state
        if progress.step.index + 1 == stop { throw Stopped() }
      }
    }
    let state = try #require(saved)
    // Only a step that runs the whole model can be the first of a run that goes on.
    #expect(state.completed == stop / 3 * 3)
    let resumed = try denoiser.run(inputs, resume: DenoiseState(encoded: state.encoded))
    #expect(resumed.floats() == whole.floats())
  }

  @Test func impossibleIntervalsAreFound() throws {
    let node = try model.denoise(width: 64, height: 64, seed: 1)
    node.guidanceStart = 0.5
    node.guidanceEnd = 0.5
    var copy = node
    let context = ValidationContext(nodeID: "node")
    try copy.validate(context)
    #expect(context.errors.map(\.port) == ["guidance_end"])
  }

  /// The trained model: what an approximation moves is small beside what a prompt decides.
  @Test func theDemoModelDrawsNearlyTheSame() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "models/demo")
    let exact = try demoLatent(folder) { _ in }
    func error(_ change: (inout UNetDenoise) -> Void) throws -> Double {
      let found = try demoLatent(folder, change)
      let difference = found - exact
      return (Double((difference * difference).mean()) / Double((exact * exact).mean()))
        .squareRoot()
    }
    let other = try error { $0.seed = 8 }
    let interval = try error { $0.guidanceEnd = 0.6 }
    let reuse = try error { $0.reuse = 2 }
    let merge = try error { $0.tokenMerge = 0.25 }
    let values = "other seed \(other), interval \(interval), reuse \(reuse), merge \(merge)"
    if ProcessInfo.processInfo.environment["RESGRAPH_TEST_VERBOSE"] != nil { print(values) }
    #expect(interval > 1e-4 && reuse > 1e-4 && merge > 1e-4, "\(values)")
    #expect(max(interval, reuse, merge) < other / 2, "\(values)")
  }

  private func demoLatent(
    _ folder: URL, _ change: (inout UNetDenoise) -> Void
  ) throws -> Tensor {
    var load = CheckpointLoad()
    load.path = InputPath(folder.path())
    try load.run(model.context)
    var text = TextEncode()
    text.textEncoder = load.textEncoder
    text.prompt = "a red circle left of a blue square"
    try text.run(model.context)
    var node = UNetDenoise()
    node.unet = load.unet
    node.positive = text.conditioning
    node.negative = nil
    node.latent = LatentValue(content: .zeros([1, 4, 16, 16]))
    node.control = []
    node.noise = nil
    node.sampler = .ddim
    node.steps = 12
    node.guidance = 5
    node.seed = 7
    change(&node)
    try node.run(model.context)
    return node.denoised.tensor
  }
}
