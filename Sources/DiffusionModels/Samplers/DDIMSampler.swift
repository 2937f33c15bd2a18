import TensorRuntime

extension SamplerKind {
  /// DDIMScheduler.
  public static let ddim = SamplerKind(name: "ddim")
}

extension SamplerDescription {
  static let ddim = SamplerDescription(
    kind: .ddim, schedulerClasses: ["DDIMScheduler"], takesEta: true, make: { try DDIMSampler($0) })
}

/// Denoising diffusion implicit models (Song and others, 2020).
struct DDIMSampler: AlphaTableSampler {
  let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let spacing: TimestepSpacing
  private let offset: Int
  private let finalAlphaCumprod: Float
  /// The share of fresh noise: 0 is deterministic, 1 draws as much as DDPM.
  private let eta: Float
  private var ratio = 1

  private(set) var timesteps: [Float] = []

  init(_ settings: SamplerSettings) throws {
    schedule = try NoiseSchedule(settings)
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: true)
    spacing = try settings.spacing(.leading)
    offset = try settings.stepsOffset()
    finalAlphaCumprod =
      try settings.reader.flag("set_alpha_to_one", default: true) ? 1 : schedule.alphasCumprod[0]
    eta = settings.eta
  }

  mutating func setTimesteps(_ count: Int) throws {
    timesteps = try spacing.timesteps(count, of: schedule.count, offset: offset)
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

  /// Adds noise to a sample until it is almost at the level of the entry before, one training step
  /// at a time (RePaint's resampling).
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
}
