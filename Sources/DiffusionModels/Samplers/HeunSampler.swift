import TensorRuntime

extension SamplerKind {
  /// HeunDiscreteScheduler.
  public static let heun = SamplerKind(name: "heun")
}

extension SamplerDescription {
  static let heun = SamplerDescription(
    kind: .heun, schedulerClasses: ["HeunDiscreteScheduler"], schedules: ScheduleKind.choices,
    make: { try HeunSampler($0) })
}

/// Heun's second-order method: every Euler step is repeated with the mean of both slopes.
struct HeunSampler: SigmaTableSampler {
  private struct FirstHalf: Sendable {
    let derivative: Tensor
    let difference: Float
    let sample: Tensor
  }

  let rule: SigmaTableRule
  var table = SigmaTable()
  var cursor = StepCursor()
  private let prediction: PredictionType
  private let clipping: Clipping
  /// The results of the first half of a step, for the second half.
  private var firstHalf: FirstHalf?
  let order = 2

  init(_ settings: SamplerSettings) throws {
    let schedule = try NoiseSchedule(
      settings,
      defaults: NoiseSchedule.Defaults(
        start: 0.00085, end: 0.012, known: [.linear, .scaledLinear, .squaredCosine, .exp]),
      zeroSNR: false)
    prediction = try settings.prediction()
    clipping = try .limit(settings, clipsByDefault: false)
    rule = SigmaTableRule(
      schedule: schedule, spacing: try settings.spacing(.linspace),
      offset: try settings.stepsOffset(), sigmaSchedule: try SigmaSchedule.chosen(settings))
  }

  var state: SamplerState {
    var state = SamplerState(cursor: cursor)
    state["difference"] = firstHalf?.difference ?? 0
    state["derivative"] = firstHalf?.derivative
    state["start"] = firstHalf?.sample
    return state
  }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect(scalars: ["difference"], tensors: ["derivative", "start"])
    cursor = try state.cursor(within: timesteps.count)
    firstHalf = nil
    if let difference: Float = state["difference"], let derivative: Tensor = state["derivative"],
      let sample: Tensor = state["start"]
    {
      firstHalf = FirstHalf(derivative: derivative, difference: difference, sample: sample)
    }
  }

  mutating func setTimesteps(_ count: Int) throws {
    let single = try rule.table(count)
    func doubled<T>(_ values: ArraySlice<T>) -> [T] { values.flatMap { [$0, $0] } }
    table = single
    table.timesteps = single.timesteps.prefix(1) + doubled(single.timesteps.dropFirst())
    table.sigmas =
      single.sigmas.prefix(1) + doubled(single.sigmas.dropFirst().dropLast())
      + single.sigmas.suffix(1)
    cursor = StepCursor()
    firstHalf = nil
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    // The sample of the second half is already at the next level, and so is the table.
    let sigma = table.sigmas[entry]
    let original = clipping(
      varianceExplodingOriginal(prediction, output: modelOutput, sample: sample, sigma: sigma))
    let derivative = (sample - original) / sigma
    cursor.index = entry + 1
    if let first = firstHalf {
      firstHalf = nil
      let mean = (first.derivative + derivative) / 2
      return SamplerStep(
        previous: Tensor.multiplyAdd(first.sample, 1, mean, first.difference),
        predictedOriginal: original)
    }
    let difference = table.sigmas[entry + 1] - sigma
    firstHalf = FirstHalf(derivative: derivative, difference: difference, sample: sample)
    return SamplerStep(
      previous: Tensor.multiplyAdd(sample, 1, derivative, difference),
      predictedOriginal: original)
  }
}
