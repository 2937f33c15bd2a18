import TensorRuntime

/// Euler's method on the probability-flow equation (Karras and others, 2022, algorithm 1 without churn).
struct EulerSampler: SigmaTableSampler {
  let rule: SigmaTableRule
  var table = SigmaTable()
  var cursor = StepCursor()
  private let prediction: PredictionType

  init(_ settings: SamplerSettings) throws {
    let schedule = try NoiseSchedule(settings, keepsLastPositive: true)
    // Old configurations spell the third kind out.
    prediction = try settings.choice(
      "prediction_type", PredictionType.epsilon, named: ["original_sample": .sample])
    var rule = SigmaTableRule(
      schedule: schedule, spacing: try settings.spacing(.linspace),
      offset: try settings.stepsOffset(), sigmaSchedule: try SigmaSchedule(settings))
    rule.interpolation = try settings.choice("interpolation_type", .linear)
    rule.finalSigma = try settings.choice("final_sigmas_type", .zero)
    rule.lowest = try settings.optionalFloat("sigma_min")
    rule.highest = try settings.optionalFloat("sigma_max")
    let type = try settings.string("timestep_type", "discrete")
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

/// Euler steps that go below the next noise level and add fresh noise back.
struct EulerAncestralSampler: SigmaTableSampler {
  let rule: SigmaTableRule
  var table = SigmaTable()
  var cursor = StepCursor()
  private let prediction: PredictionType

  init(_ settings: SamplerSettings) throws {
    prediction = try settings.prediction([.epsilon, .vPrediction])
    rule = SigmaTableRule(
      schedule: try NoiseSchedule(settings, keepsLastPositive: true),
      spacing: try settings.spacing(.linspace), offset: try settings.stepsOffset())
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    let from = table.sigmas[entry]
    let to = table.sigmas[entry + 1]
    let original = varianceExplodingOriginal(
      prediction, output: modelOutput, sample: sample, sigma: from)
    let (fromSquare, toSquare) = (from * from, to * to)
    let up = (toSquare * (fromSquare - toSquare) / fromSquare).squareRoot()
    let down = (toSquare - up * up).squareRoot()
    let derivative = (sample - original) / from
    // Noise is drawn even where its factor is 0, as diffusers does.
    let previous = Tensor.linearCombination([
      (1, sample), (down - from, derivative), (up, generator.randn(modelOutput.shape)),
    ])
    cursor.index = entry + 1
    return SamplerStep(previous: previous, predictedOriginal: original)
  }
}
