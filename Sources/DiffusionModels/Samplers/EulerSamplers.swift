import Glibc
import TensorRuntime

/// The timesteps and noise levels of one run of a sampler that works on sigmas.
struct SigmaTable: Sendable {
  var timesteps: [Float] = []
  /// One more than timesteps; the last is the level a run ends at.
  var sigmas: [Float] = []
  /// Where `initNoiseSigma` leaves out that the picture has variance 1.
  var startsAtFullNoise = true

  var initNoiseSigma: Float {
    let highest = sigmas.max() ?? 1
    return startsAtFullNoise ? highest : (highest * highest + 1).squareRoot()
  }

  func scaled(_ sample: Tensor, entry: Int) -> Tensor {
    sample / (sigmas[entry] * sigmas[entry] + 1).squareRoot()
  }
}

/// How the Euler and Heun samplers make their tables.
struct SigmaTableRule: Sendable {
  enum Interpolation: String, CaseIterable {
    case linear
    case logLinear = "log_linear"
  }

  enum FinalSigma: String, CaseIterable {
    case zero
    case minimum = "sigma_min"
  }

  let schedule: NoiseSchedule
  let spacing: TimestepSpacing
  let offset: Int
  var sigmaSchedule = SigmaSchedule.training
  var interpolation = Interpolation.linear
  var finalSigma = FinalSigma.zero
  var lowest: Double?
  var highest: Double?
  /// Timesteps are a quarter of the sigma's logarithm, as some models of video want.
  var continuous = false

  func table(_ count: Int) throws -> SigmaTable {
    try StepCount.check(count, trainCount: schedule.count)
    var timesteps = spacing.floatTimesteps(count, of: schedule.count, offset: offset)
    let all = schedule.sigmas
    var sigmas = interpolated(timesteps, count)
    if sigmaSchedule != .training, let first = sigmas.first, let last = sigmas.last {
      sigmas = sigmaSchedule.sigmas(from: highest ?? first, to: lowest ?? last, count: count)
      let logs = all.map { log($0) }
      timesteps = sigmas.map { SigmaSchedule.timestep(of: $0, logSigmas: logs) }
    }
    if continuous { timesteps = sigmas.map { Double(0.25 * log(Float($0))) } }
    let final = finalSigma == .zero ? 0 : Double(all[0])
    let single = timesteps.map { Float($0) }
    try StepCount.checkNumbers(single)
    return SigmaTable(
      timesteps: single, sigmas: (sigmas + [final]).map { Float($0) },
      startsAtFullNoise: spacing != .leading)
  }

  private func interpolated(_ timesteps: [Double], _ count: Int) -> [Double] {
    let all = schedule.sigmas
    switch interpolation {
    case .linear: return Numpy.interpolate(timesteps, all)
    case .logLinear:
      return NoiseSchedule.linspace(log(all[all.count - 1]), log(all[0]), count + 1)
        .map { Double(exp($0)) }
    }
  }
}

/// Euler's method on the probability-flow equation (Karras and others, 2022, algorithm 1 without churn).
struct EulerSampler: Sampler {
  private let rule: SigmaTableRule
  private let prediction: PredictionType
  private(set) var table = SigmaTable()
  private var cursor = StepCursor()
  let order = 1

  var timesteps: [Float] { table.timesteps }
  var initNoiseSigma: Float { table.initNoiseSigma }
  var state: SamplerState { SamplerState(cursor: cursor) }

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

  mutating func setTimesteps(_ count: Int) throws {
    table = try rule.table(count)
    cursor = StepCursor()
  }

  mutating func setBeginIndex(_ index: Int) { cursor.begin = index }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect()
    cursor = try state.cursor(within: timesteps.count)
  }

  mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor {
    table.scaled(sample, entry: cursor.locate(timestep, in: timesteps))
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

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    let entry = cursor.noiseEntry(timestep, in: timesteps)
    return Tensor.multiplyAdd(original, 1, noise, table.sigmas[entry])
  }
}

/// Euler steps that go below the next noise level and add fresh noise back.
struct EulerAncestralSampler: Sampler {
  private let rule: SigmaTableRule
  private let prediction: PredictionType
  private(set) var table = SigmaTable()
  private var cursor = StepCursor()
  let order = 1

  var timesteps: [Float] { table.timesteps }
  var initNoiseSigma: Float { table.initNoiseSigma }
  var state: SamplerState { SamplerState(cursor: cursor) }

  init(_ settings: SamplerSettings) throws {
    prediction = try settings.prediction([.epsilon, .vPrediction])
    rule = SigmaTableRule(
      schedule: try NoiseSchedule(settings, keepsLastPositive: true),
      spacing: try settings.spacing(.linspace), offset: try settings.stepsOffset())
  }

  mutating func setTimesteps(_ count: Int) throws {
    table = try rule.table(count)
    cursor = StepCursor()
  }

  mutating func setBeginIndex(_ index: Int) { cursor.begin = index }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect()
    cursor = try state.cursor(within: timesteps.count)
  }

  mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor {
    table.scaled(sample, entry: cursor.locate(timestep, in: timesteps))
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

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    let entry = cursor.noiseEntry(timestep, in: timesteps)
    return Tensor.multiplyAdd(original, 1, noise, table.sigmas[entry])
  }
}
