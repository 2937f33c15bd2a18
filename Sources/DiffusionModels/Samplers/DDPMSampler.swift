import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SamplerKind {
  /// DDPMScheduler.
  public static let ddpm = SamplerKind(name: "ddpm")
}

extension SamplerDescription {
  static let ddpm = SamplerDescription(
    kind: .ddpm, schedulerClasses: ["DDPMScheduler"], make: { try DDPMSampler($0) })
}

/// Denoising diffusion probabilistic models (Ho and others, 2020).
struct DDPMSampler: AlphaTableSampler {
  private enum Variance: String, CaseIterable {
    case fixedSmall = "fixed_small"
    case fixedSmallLog = "fixed_small_log"
    case fixedLarge = "fixed_large"
  }

  let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let spacing: TimestepSpacing
  private let offset: Int
  private let variance: Variance

  private(set) var timesteps: [Float] = []

  init(_ settings: SamplerSettings) throws {
    schedule = try Self.schedule(settings)
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: true)
    spacing = try settings.spacing(.leading)
    offset = try settings.stepsOffset()
    variance = try settings.reader.choice("variance_type", default: Variance.fixedSmall)
  }

  /// The noise that the model was trained with.
  static func schedule(_ settings: SamplerSettings) throws -> NoiseSchedule {
    try NoiseSchedule(
      settings,
      defaults: NoiseSchedule.Defaults(
        known: [.linear, .scaledLinear, .squaredCosine, .laplace, .sigmoid]))
  }

  mutating func setTimesteps(_ count: Int) throws {
    timesteps = try spacing.timesteps(count, of: schedule.count, offset: offset)
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
}
