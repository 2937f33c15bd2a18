import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One ElasticDiffusion run.
struct ElasticRun {
  let timesteps: [Float]
  private(set) var latents: Tensor
  private(set) var completed = 0

  private let options: ElasticOptions
  private var sampler: DDIMSampler
  private var random: ElasticRandom
  private let reduction: PixelReduction
  private var model: ElasticModel

  /// Draws or takes the noise and makes the first latents from it.
  init(
    _ denoiser: ElasticDenoiser, _ inputs: ElasticInputs, autoencoder: Autoencoder?
  ) throws {
    options = denoiser.options
    sampler = denoiser.sampler
    timesteps = denoiser.timesteps(from: inputs.start)
    var random = ElasticRandom(seed: options.seed)
    let shape = inputs.start.shape
    let noise = inputs.noise ?? random.torch.randn(shape)
    latents = noise
    if case .latent(let picture) = inputs.start, let first = timesteps.first {
      latents = sampler.addNoise(picture, noise: noise, timestep: first)
    }
    self.random = random
    let size = options.reducedSize(height: shape[2], width: shape[3])
    reduction = PixelReduction(
      rows: ReducedAxis(source: shape[2], reduced: size.height),
      columns: ReducedAxis(source: shape[3], reduced: size.width))
    model = try ElasticModel(
      denoiser, inputs,
      background: autoencoder.map { ElasticBackground(autoencoder: $0, sampler: denoiser.sampler) })
  }

  var step: DenoiseStep {
    DenoiseStep(
      index: completed, count: timesteps.count, timestep: timesteps[completed],
      nextTimestep: completed + 1 < timesteps.count ? timesteps[completed + 1] : nil)
  }

  var state: ElasticState {
    ElasticState(completed: completed, latents: latents, random: random, timesteps: timesteps)
  }

  mutating func restore(_ state: ElasticState) throws {
    guard state.timesteps == timesteps, state.latents.shape == latents.shape else {
      throw SavedStateError("it belongs to a run with another schedule or size")
    }
    latents = state.latents
    random = state.random
    completed = state.completed
  }

  /// Does one step, and returns the estimate of the result.
  mutating func advance() throws -> Tensor? {
    let step = step
    var guidance = Float(options.guidance)
    var attempt = try attempt(
      from: latents, step, resampling: options.resamplingSteps, guidance: guidance)
    if options.resamplingSteps > 0, let next = step.nextTimestep {
      // The step is undone and done again, so that details fit each other better.
      let undone = sampler.undone(attempt.result.previous, to: next, generator: &random.torch)
      guidance = Float(options.guidance / 3)
      attempt = try self.attempt(from: undone, step, resampling: 0, guidance: guidance)
    }
    latents = attempt.result.previous
    if let pull = pull(attempt, step, guidance: guidance) { latents = latents + pull }
    if latents.hasNonFinite { throw DenoiseError.notFinite(step: completed + 1) }
    completed += 1
    return attempt.result.predictedOriginal
  }

  /// A step: its result, and the prediction at the reduced size.
  private struct Attempt {
    let direction: Direction
    let result: SamplerStep
  }

  private mutating func attempt(
    from latents: Tensor, _ step: DenoiseStep, resampling: Int, guidance: Float
  ) throws -> Attempt {
    let direction = try direction(latents, step, resampling: resampling)
    let details = try model.unconditional(latents, step, &random)
    let prediction = guided(details, direction.full, guidance)
    let result = sampler.step(
      modelOutput: prediction, timestep: step.timestep, sample: latents, generator: &random.torch)
    return Attempt(direction: direction, result: result)
  }

  /// Moves the prediction without the prompt in the direction of the prompt.
  private func guided(_ unconditional: Tensor, _ direction: Tensor, _ scale: Float) -> Tensor {
    let guided = Tensor.multiplyAdd(unconditional, 1, direction, scale)
    guard options.guidanceRescale > 0 else { return guided }
    return Guidance(scale: scale, rescale: Float(options.guidanceRescale))
      .rescaled(guided, like: unconditional + direction)
  }

  /// The direction of the prompt, estimated at the reduced size.
  private struct Direction {
    /// The direction at full size.
    let full: Tensor
    /// The last reduction, and the prediction for it without the prompt.
    let latents: Tensor
    let unconditional: Tensor
  }

  /// Estimates the direction from several reductions.
  ///
  /// Each adds the pixels that earlier ones did not take.
  private mutating func direction(
    _ latents: Tensor, _ step: DenoiseStep, resampling: Int
  ) throws -> Direction {
    var choices = PixelChoices(count: reduction.count)
    var canvas = DirectionCanvas(like: latents)
    for round in 0...resampling {
      if round > 0 { choices.redraw(share: options.newShare, from: &random.torch) }
      let reduced = reduction.sample(latents, choices: choices.current)
      let scores = try model.guided(reduced, step, &random)
      let seen = upsampleNearest(
        scores.positive - scores.negative, height: latents.shape[2], width: latents.shape[3])
      canvas.write(seen, at: reduction.marks(choices: choices.current))
      if round == resampling {
        canvas.fill(seen)
        return Direction(
          full: canvas.tensor, latents: reduced, unconditional: scores.negative)
      }
    }
    preconditionFailure("the last round returns")
  }

  /// Pulls the result towards the result of the reduced latents, along the gradient of the squared
  /// distance.
  private mutating func pull(
    _ attempt: Attempt, _ step: DenoiseStep, guidance: Float
  ) -> Tensor? {
    let weight = reducedGuidance(step)
    guard weight > 10, let original = attempt.result.predictedOriginal else { return nil }
    let seen = attempt.direction
    let direction = upsampleNearest(
      seen.full, height: reduction.rows.reduced, width: reduction.columns.reduced)
    let prediction = guided(seen.unconditional, direction, guidance)
    // This step is only an estimate, so it uses a copy of the generator.
    var generator = random.torch
    let reduced = sampler.step(
      modelOutput: prediction, timestep: step.timestep, sample: seen.latents,
      generator: &generator)
    guard let target = reduced.predictedOriginal else { return nil }
    let shape = latents.shape
    let enlarged = upsampleNearest(target, height: shape[2], width: shape[3])
    let count = shape[1] * shape[2] * shape[3]
    return (enlarged.contiguous() - original) * Float(2 * weight / Double(count))
  }

  /// The weight of the pull, which fades and is zero in the last steps.
  private func reducedGuidance(_ step: DenoiseStep) -> Double {
    let end = step.count - Int(Double(step.count) * options.reducedGuidanceStop)
    guard step.index < end else { return 0 }
    let progress = Double(step.index) / Double(end)
    let share =
      switch options.pullSchedule {
      case .cosine: pow(0.5 * (1 + cos(Double.pi * progress)), options.cosineScale)
      case .linear: 1 - progress
      case .constant: 1.0
      }
    return options.reducedGuidance * share
  }
}

/// A direction whose pixels are written piece by piece.
private struct DirectionCanvas {
  private let shape: [Int]
  private var values: [Float]
  private var isFilled: [Bool]

  init(like latents: Tensor) {
    shape = latents.shape
    values = Array(repeating: 0, count: latents.count)
    isFilled = Array(repeating: false, count: shape[2] * shape[3])
  }

  /// Writes the marked pixels of all channels, and replaces earlier ones.
  mutating func write(_ source: Tensor, at marks: [Int]) {
    let numbers = source.floats()
    for plane in stride(from: 0, to: values.count, by: isFilled.count) {
      for mark in marks { values[plane + mark] = numbers[plane + mark] }
    }
    for mark in marks { isFilled[mark] = true }
  }

  /// Writes the pixels that were never marked.
  mutating func fill(_ source: Tensor) {
    write(source, at: isFilled.indices.filter { !isFilled[$0] })
  }

  var tensor: Tensor { Tensor(values, shape: shape) }
}
