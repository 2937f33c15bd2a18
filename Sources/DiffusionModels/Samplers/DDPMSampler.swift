import Glibc
import TensorRuntime

/// Denoising diffusion probabilistic models (Ho and others, 2020).
struct DDPMSampler: Sampler {
  private enum Variance: String, CaseIterable {
    case fixedSmall = "fixed_small"
    case fixedSmallLog = "fixed_small_log"
    case fixedLarge = "fixed_large"
  }

  private let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let spacing: TimestepSpacing
  private let offset: Int
  private let variance: Variance

  private(set) var timesteps: [Float] = []
  let initNoiseSigma: Float = 1
  let order = 1

  init(_ settings: SamplerSettings) throws {
    schedule = try NoiseSchedule(
      settings,
      defaults: NoiseSchedule.Defaults(
        known: [.linear, .scaledLinear, .squaredCosine, .laplace, .sigmoid]))
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: true)
    spacing = try settings.spacing(.leading)
    offset = try settings.stepsOffset()
    variance = try settings.choice("variance_type", Variance.fixedSmall)
  }

  mutating func setTimesteps(_ count: Int) throws {
    try StepCount.check(count, trainCount: schedule.count)
    let steps = spacing.wholeTimesteps(count, of: schedule.count, offset: offset)
    try StepCount.check(timesteps: steps, trainCount: schedule.count)
    timesteps = steps.map { Float($0) }
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let alphaBar = schedule.alphasCumprod[Int(timestep)]
    let previousBar = nextTimestep(after: timestep).map { schedule.alphasCumprod[$0] } ?? 1
    let alpha = alphaBar / previousBar
    let beta = 1 - alpha
    let level = VariancePreserving(alphaCumprod: alphaBar)
    let original = clipping(level.original(prediction, output: modelOutput, sample: sample))

    let originalFactor = previousBar.squareRoot() * beta / (1 - alphaBar)
    let sampleFactor = alpha.squareRoot() * (1 - previousBar) / (1 - alphaBar)
    var previous = Tensor.multiplyAdd(original, originalFactor, sample, sampleFactor)
    if timestep > 0 {
      let small = max((1 - previousBar) / (1 - alphaBar) * beta, 1e-20)
      let deviation =
        switch variance {
        case .fixedSmall: small.squareRoot()
        case .fixedSmallLog: exp(0.5 * log(small))
        case .fixedLarge: beta.squareRoot()
        }
      previous = Tensor.multiplyAdd(previous, 1, generator.randn(modelOutput.shape), deviation)
    }
    return SamplerStep(previous: previous, predictedOriginal: original)
  }

  private func nextTimestep(after timestep: Float) -> Int? {
    guard let index = timesteps.firstIndex(of: timestep), index + 1 < timesteps.count else {
      return nil
    }
    return Int(timesteps[index + 1])
  }

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    VariancePreserving(alphaCumprod: schedule.alphasCumprod[Int(timestep)]).noisy(original, noise)
  }
}
