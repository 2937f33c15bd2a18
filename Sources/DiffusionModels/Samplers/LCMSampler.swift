import TensorRuntime

extension SamplerKind {
  /// LCMScheduler.
  public static let lcm = SamplerKind(name: "lcm")
}

extension SamplerDescription {
  static let lcm = SamplerDescription(
    kind: .lcm, schedulerClasses: ["LCMScheduler"],
    spacingRefusal:
      "its timesteps come from the distillation, spacing has no effect",
    make: { try LCMSampler($0) })
}

/// Multistep sampling of latent consistency models (Luo and others, 2023).
struct LCMSampler: CursorSampler, AlphaTableSampler {
  let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let distilledSteps: Int
  private let timestepScaling: Float
  private var stepCount = 0
  var cursor = StepCursor()

  private(set) var timesteps: [Float] = []

  init(_ settings: SamplerSettings) throws {
    schedule = try NoiseSchedule(
      settings,
      defaults: NoiseSchedule.Defaults(start: 0.00085, end: 0.012, schedule: .scaledLinear))
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: false)
    distilledSteps = try settings.reader.int(
      "original_inference_steps", default: 50, in: 1...schedule.count)
    guard distilledSteps <= schedule.count else {
      throw settings.bad("original_inference_steps", "more than the \(schedule.count) trained")
    }
    timestepScaling = Float(try settings.reader.double("timestep_scaling", default: 10))
  }

  mutating func setTimesteps(_ count: Int) throws {
    try StepCount.check(count, trainCount: schedule.count)
    guard count <= distilledSteps else {
      throw SamplerError.badStepCount(
        count: count, reason: "lcm has at most \(distilledSteps) steps (original_inference_steps)")
    }
    let ratio = schedule.count / distilledSteps
    let grid = (1...distilledSteps).reversed().map { Float($0 * ratio - 1) }
    let step = Double(grid.count) / Double(count)
    timesteps = (0..<count).map { grid[Int(Double($0) * step)] }
    stepCount = count
    cursor = StepCursor()
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    let level = VariancePreserving(alphaCumprod: schedule.alphasCumprod[Int(timestep)])
    let original = clipping(level.original(prediction, output: modelOutput, sample: sample))

    // The boundary condition gives the sample itself at timestep 0, and nearly the prediction
    // elsewhere.
    let scaled = timestep * timestepScaling
    let sum = scaled * scaled + 0.25
    let denoised = Tensor.multiplyAdd(original, scaled / sum.squareRoot(), sample, 0.25 / sum)

    cursor.index = entry + 1
    guard entry != stepCount - 1 else {
      return SamplerStep(previous: denoised, predictedOriginal: denoised)
    }
    let next = entry + 1 < timesteps.count ? timesteps[entry + 1] : timestep
    let nextLevel = VariancePreserving(alphaCumprod: schedule.alphasCumprod[Int(next)])
    let noise = generator.randn(modelOutput.shape)
    return SamplerStep(previous: nextLevel.noisy(denoised, noise), predictedOriginal: denoised)
  }
}
