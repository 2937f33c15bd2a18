import TensorRuntime

extension SamplerKind {
  /// EulerAncestralDiscreteScheduler.
  public static let eulerAncestral = SamplerKind(name: "euler_a")
}

extension SamplerDescription {
  static let eulerAncestral = SamplerDescription(
    kind: .eulerAncestral, schedulerClasses: ["EulerAncestralDiscreteScheduler"],
    predictions: [.epsilon, .vPrediction], make: { try EulerAncestralSampler($0) })
}

/// Euler steps to below the next noise level, after which fresh noise is added.
struct EulerAncestralSampler: SigmaTableSampler {
  let rule: SigmaTableRule
  var table = SigmaTable()
  var cursor = StepCursor()
  private let prediction: PredictionType

  init(_ settings: SamplerSettings) throws {
    prediction = try settings.prediction()
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
    // As in diffusers, noise is drawn even where its factor is 0.
    let previous = Tensor.linearCombination([
      (1, sample), (down - from, derivative), (up, generator.randn(modelOutput.shape)),
    ])
    cursor.index = entry + 1
    return SamplerStep(previous: previous, predictedOriginal: original)
  }
}
