import TensorRuntime

extension SamplerKind {
  /// EulerDiscreteScheduler.
  public static let euler = SamplerKind(name: "euler")
}

extension SamplerDescription {
  static let euler = SamplerDescription(
    kind: .euler, schedulerClasses: ["EulerDiscreteScheduler"], schedules: ScheduleKind.choices,
    make: { try EulerSampler($0) })
}

/// Euler's method on the probability-flow equation (Karras and others, 2022, algorithm 1 without
/// churn).
struct EulerSampler: SigmaTableSampler {
  let rule: SigmaTableRule
  var table = SigmaTable()
  var cursor = StepCursor()
  private let prediction: PredictionType

  init(_ settings: SamplerSettings) throws {
    let schedule = try NoiseSchedule(settings, keepsLastPositive: true)
    // Old configurations have a longer name for the third kind.
    prediction = try settings.prediction(named: ["original_sample": .sample])
    var rule = SigmaTableRule(
      schedule: schedule, spacing: try settings.spacing(.linspace),
      offset: try settings.stepsOffset(), sigmaSchedule: try SigmaSchedule.chosen(settings))
    rule.interpolation = try settings.reader.choice("interpolation_type", default: .linear)
    rule.finalSigma = try settings.reader.choice("final_sigmas_type", default: .zero)
    rule.lowest = try settings.reader.optionalDouble("sigma_min")
    rule.highest = try settings.reader.optionalDouble("sigma_max")
    let type = try settings.reader.string("timestep_type", default: "discrete")
    rule.continuous = type == "continuous" && prediction == .vPrediction
    self.rule = rule
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    let sigma = table.sigmas[entry]
    let original = varianceExplodingOriginal(
      prediction, output: modelOutput, sample: sample, sigma: sigma)
    let derivative = (sample - original) / sigma
    let previous = Tensor.multiplyAdd(sample, 1, derivative, table.sigmas[entry + 1] - sigma)
    cursor.index = entry + 1
    return SamplerStep(previous: previous, predictedOriginal: original)
  }
}
