import DiffusionModels
import ResgraphFiles
import ResgraphWeights
import Synchronization
import TensorRuntime
import Testing

/// The denoising loop around a model that records what it is asked.
@Suite struct DenoiserTests {
  private let shape = [1, 4, 3, 5]

  private func condition(_ value: Float, batch: Int = 1) -> PromptCondition {
    PromptCondition(embeddings: .full([batch, 2, 3], value))
  }

  private func denoiser(
    _ model: any NoisePredictor, _ change: (inout DenoiseOptions) -> Void = { _ in }
  ) throws -> Denoiser {
    var options = DenoiseOptions()
    options.steps = 6
    options.sampler.kind = .ddim
    change(&options)
    return try Denoiser(
      predictor: model, schedulerConfig: SchedulerConfig(json: nil), options: options)
  }

  private func inputs(_ start: DenoiseStart? = nil) -> DenoiseInputs {
    DenoiseInputs(
      start: start ?? .noise(shape: shape), positive: condition(2), negative: condition(-1))
  }

  @Test func guidanceAsksForNegativeFirst() throws {
    let model = RecordingModel()
    _ = try denoiser(model).run(inputs())
    #expect(model.calls.count == 6)
    #expect(model.calls.allSatisfy { $0.texts == [-1, 2] && $0.batch == 1 })
  }

  @Test(arguments: [1.0, 0.5, 0])
  func guidanceOfOneIgnoresTheNegative(_ guidance: Double) throws {
    let model = RecordingModel()
    let denoiser = try denoiser(model) { $0.guidance = guidance }
    let result = try denoiser.run(inputs())
    #expect(model.calls.allSatisfy { $0.texts == [2] })
    var alone = inputs()
    alone.negative = nil
    #expect(try denoiser.run(alone).floats() == result.floats())
  }

  @Test func guidanceNeedsANegative() throws {
    var inputs = inputs()
    inputs.negative = nil
    let denoiser = try denoiser(RecordingModel())
    #expect(throws: DenoiseError.negativeMissing) { try denoiser.run(inputs) }
  }

  @Test func guidanceEmbeddingReplacesGuidance() throws {
    let model = RecordingModel(guidanceEmbeddingWidth: 8)
    _ = try denoiser(model) { $0.guidance = 8.5 }.run(inputs())
    #expect(model.calls.allSatisfy { $0.texts == [2] && $0.embeddingWidth == 8 })
  }

  @Test(arguments: [(SamplerKind.ddim, 6), (.pndm, 7), (.heun, 11), (.checkpoint, 7)])
  func modelCalls(_ kind: SamplerKind, _ expected: Int) throws {
    let model = RecordingModel()
    let denoiser = try denoiser(model) { $0.sampler.kind = kind }
    _ = try denoiser.run(inputs())
    #expect(model.calls.count == expected)
    #expect(denoiser.stepCount(from: .noise(shape: shape)) == expected)
  }

  @Test func throwingFromProgressStopsThere() throws {
    struct Stop: Error {}
    let model = RecordingModel()
    #expect(throws: Stop.self) {
      try denoiser(model).run(inputs()) { progress in
        #expect(progress.step.count == 6)
        if progress.step.index == 2 { throw Stop() }
      }
    }
    #expect(model.calls.count == 3)
  }

  @Test func givenNoiseIsUsed() throws {
    var generator = TorchGenerator(seed: 5)
    var given = inputs()
    given.noise = generator.randn(shape)
    given.generator = generator
    let drawn = try denoiser(RecordingModel()) {
      $0.seed = 5
      $0.sampler.kind = .eulerAncestral
    }
    #expect(try drawn.run(given).floats() == drawn.run(inputs()).floats())
    given.noise = .zeros([1, 4, 3, 6])
    #expect(throws: DenoiseError.self) { try drawn.run(given) }
  }

  @Test func strengthChoosesTheSteps() throws {
    let latent = Tensor.full(shape, 0.5)
    for (strength, calls) in [(1.0, 6), (0.5, 3), (0.34, 2), (0.0, 0)] {
      let model = RecordingModel()
      let result = try denoiser(model) { $0.strength = strength }.run(inputs(.latent(latent)))
      #expect(model.calls.count == calls)
      if calls == 0 { #expect(result.floats() == latent.floats()) }
    }
    let tooLittle = try denoiser(RecordingModel()) { $0.strength = 0.1 }
    #expect(throws: DenoiseError.self) { try tooLittle.run(inputs(.latent(latent))) }
    for strength in [-0.1, 1.1, .nan] {
      #expect(throws: DenoiseError.self) {
        try denoiser(RecordingModel()) { $0.strength = strength }
      }
    }
  }

  @Test func controlsApplyInsideTheirWindow() throws {
    let model = RecordingModel()
    var inputs = inputs()
    inputs.controls = [FeatureControl(window: ControlWindow(start: 0.3, end: 0.7))]
    _ = try denoiser(model).run(inputs)
    // i/6 >= 0.3 from i = 2; (i+1)/6 <= 0.7 up to i = 3.
    #expect(model.calls.map(\.features) == [0, 0, 1, 1, 0, 0])
  }

  @Test func inpaintingKeepsThePictureOutsideTheMask() throws {
    var generator = TorchGenerator(seed: 9)
    let picture = generator.randn(shape)
    var inputs = inputs(.latent(picture))
    let plain = try denoiser(RecordingModel()).run(inputs)
    inputs.blend = try InpaintBlend(original: picture, mask: .zeros([1, 1, 3, 5]))
    #expect(try denoiser(RecordingModel()).run(inputs).floats() == picture.floats())
    inputs.blend = try InpaintBlend(original: picture, mask: .full([1, 1, 3, 5], 1))
    let everywhere = try denoiser(RecordingModel()).run(inputs)
    #expect((everywhere - plain).maxAbs() < 1e-6)
    #expect(throws: DenoiseError.self) {
      try InpaintBlend(original: picture, mask: .zeros([1, 1, 5, 3]))
    }
  }

  @Test func extraChannelsCompleteTheInput() throws {
    let model = RecordingModel(inputChannels: 9)
    var inputs = inputs()
    #expect(throws: DenoiseError.self) { try denoiser(model).run(inputs) }
    inputs.extraChannels = .zeros([1, 5, 3, 5])
    let result = try denoiser(model).run(inputs)
    #expect(result.shape == shape)
    #expect(model.calls.allSatisfy { $0.channels == 9 })
    inputs.extraChannels = .zeros([1, 5, 3, 4])
    #expect(throws: DenoiseError.self) { try denoiser(model).run(inputs) }
  }

  @Test func promptsFitTheBatchAndEachOther() throws {
    var batched = inputs(.noise(shape: [2, 4, 3, 5]))
    batched.negative = condition(-1, batch: 2)
    let model = RecordingModel()
    _ = try denoiser(model).run(batched)
    #expect(model.calls[0].texts == [-1, -1, 2, 2])
    batched.negative = condition(-1, batch: 3)
    #expect(throws: DenoiseError.self) { try denoiser(model).run(batched) }
    batched.negative = PromptCondition(embeddings: .zeros([1, 2, 4]))
    #expect(throws: DenoiseError.self) { try denoiser(model).run(batched) }
    // Prompts of other lengths are repeated to the same.
    batched.negative = PromptCondition(embeddings: .zeros([1, 5, 3]))
    #expect(try denoiser(model).run(batched).shape == [2, 4, 3, 5])
    batched.negative = PromptCondition(embeddings: .zeros([1, 2, 3]), pooled: .zeros([1, 3]))
    #expect(throws: DenoiseError.self) { try denoiser(model).run(batched) }
  }

  @Test func brokenPredictionsAreReported() throws {
    let denoiser = try denoiser(RecordingModel(brokenFrom: 3))
    #expect(throws: DenoiseError.notFinite(step: 4)) { try denoiser.run(inputs()) }
  }

  @Test func foreignAndDamagedStatesAreRefused() throws {
    let denoiser = try denoiser(RecordingModel()) { $0.sampler.kind = .unipc }
    var states: [DenoiseState] = []
    _ = try denoiser.run(inputs()) { states.append($0.state) }
    let bytes = states[2].encoded
    #expect(try DenoiseState(encoded: bytes).completed == 3)
    for count in 0..<bytes.count {
      #expect(throws: (any Error).self) { try DenoiseState(encoded: Array(bytes.prefix(count))) }
    }
    #expect(throws: (any Error).self) { try DenoiseState(encoded: bytes + [0]) }
    for position in stride(from: 0, to: bytes.count, by: 7) {
      var changed = bytes
      changed[position] ^= 0xFF
      // Damage is refused, or changes numbers only; never a crash or a large allocation.
      _ = try? DenoiseState(encoded: changed)
    }
    let longer = try self.denoiser(RecordingModel()) { $0.steps = 7 }
    #expect(throws: DenoiseError.self) { try longer.run(inputs(), resume: states[2]) }
    let other = try self.denoiser(RecordingModel()) { $0.sampler.kind = .dpmpp2M }
    #expect(throws: SamplerError.self) { try other.run(inputs(), resume: states[2]) }
  }
}

/// A smooth function of sample, time and text, which remembers its calls.
private final class RecordingModel: NoisePredictor {
  struct Call {
    let texts: [Float]
    let batch: Int
    let channels: Int
    let features: Int
    let embeddingWidth: Int?
  }

  let inputChannels: Int
  let guidanceEmbeddingWidth: Int?
  private let brokenFrom: Int
  private let record = Mutex<[Call]>([])

  init(inputChannels: Int = 4, guidanceEmbeddingWidth: Int? = nil, brokenFrom: Int = .max) {
    self.inputChannels = inputChannels
    self.guidanceEmbeddingWidth = guidanceEmbeddingWidth
    self.brokenFrom = brokenFrom
  }

  var calls: [Call] { record.withLock { $0 } }

  func callAsFunction(
    _ sample: Tensor, timestep: Float, conditions: UNetConditions
  ) -> Tensor {
    let width = conditions.text.count / conditions.text.shape[0]
    let texts = (0..<conditions.text.shape[0]).map { conditions.text.floats()[$0 * width] }
    let call = Call(
      texts: texts, batch: sample.shape[0], channels: sample.shape[1],
      features: conditions.adapterFeatures.count,
      embeddingWidth: conditions.timestepCond?.shape[1])
    let index = record.withLock { calls in
      calls.append(call)
      return calls.count - 1
    }
    let own = sample.slice(axis: 1, 0..<4)
    let broken: Float = index >= brokenFrom ? .nan : 0
    let parts = texts.enumerated().map { position, text in
      let row = position % sample.shape[0]
      return own.slice(axis: 0, row..<row + 1) * 0.6 + (0.1 * text + 0.0003 * timestep + broken)
    }
    return Tensor.concatenate(parts, axis: 0)
  }
}

private struct FeatureControl: DenoiseControl {
  let window: ControlWindow

  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws {
    if window.contains(step) { conditions.adapterFeatures.append(sample) }
  }
}
