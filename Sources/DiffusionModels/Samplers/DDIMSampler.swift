import TensorRuntime

/// Denoising diffusion implicit models (Song and others, 2020).
struct DDIMSampler: Sampler {
  private let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let spacing: TimestepSpacing
  private let offset: Int
  private let finalAlphaCumprod: Float
  /// 0 is deterministic, 1 draws as much noise as DDPM.
  private let eta: Float
  private var ratio = 1

  private(set) var timesteps: [Float] = []
  let initNoiseSigma: Float = 1
  let order = 1

  init(_ settings: SamplerSettings, eta: Float) throws {
    schedule = try NoiseSchedule(settings)
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: true)
    spacing = try settings.spacing(.leading)
    offset = try settings.stepsOffset()
    finalAlphaCumprod =
      try settings.bool("set_alpha_to_one", true) ? 1 : schedule.alphasCumprod[0]
    self.eta = eta
  }

  mutating func setTimesteps(_ count: Int) throws {
    try StepCount.check(count, trainCount: schedule.count)
    let steps = spacing.wholeTimesteps(count, of: schedule.count, offset: offset)
    try StepCount.check(timesteps: steps, trainCount: schedule.count)
    timesteps = steps.map { Float($0) }
    ratio = schedule.count / count
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let previousStep = Int(timestep) - ratio
    let alpha = schedule.alphasCumprod[Int(timestep)]
    let previousAlpha =
      previousStep >= 0 ? schedule.alphasCumprod[previousStep] : finalAlphaCumprod
    let level = VariancePreserving(alphaCumprod: alpha)
    let original = clipping(level.original(prediction, output: modelOutput, sample: sample))
    let epsilon = level.epsilon(prediction, output: modelOutput, sample: sample)

    let variance = (1 - previousAlpha) / (1 - alpha) * (1 - alpha / previousAlpha)
    let deviation = eta == 0 ? 0 : eta * variance.squareRoot()
    let direction = (1 - previousAlpha - deviation * deviation).squareRoot()
    var previous = Tensor.multiplyAdd(
      original, previousAlpha.squareRoot(), epsilon, direction)
    if eta > 0 {
      previous = Tensor.multiplyAdd(previous, 1, generator.randn(modelOutput.shape), deviation)
    }
    return SamplerStep(previous: previous, predictedOriginal: original)
  }

  /// Takes a sample back up the schedule, almost to the entry before: one training step at a time, each with noise of
  /// its own (RePaint's resampling).
  ///
  /// - Parameters:
  ///   - sample: A sample at the noise level of `timestep`.
  ///   - timestep: One of `timesteps`.
  ///   - generator: Where the noise comes from.
  /// - Returns: The sample at the level just below the entry before.
  func undone(
    _ sample: Tensor, to timestep: Float, generator: inout TorchGenerator
  ) -> Tensor {
    var sample = sample
    for step in Int(timestep)..<min(Int(timestep) + ratio, schedule.count) {
      let beta = schedule.betas[step]
      sample = Tensor.multiplyAdd(
        sample, (1 - beta).squareRoot(), generator.randn(sample.shape), beta.squareRoot())
    }
    return sample
  }

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    VariancePreserving(alphaCumprod: schedule.alphasCumprod[Int(timestep)]).noisy(original, noise)
  }
}
