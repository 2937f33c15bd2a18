import TensorRuntime

extension SamplerKind {
  /// PNDMScheduler.
  public static let pndm = SamplerKind(name: "pndm")
}

extension SamplerDescription {
  static let pndm = SamplerDescription(
    kind: .pndm, schedulerClasses: ["PNDMScheduler"], predictions: [.epsilon, .vPrediction],
    make: { try PNDMSampler($0) })
}

/// Pseudo numerical methods for diffusion models (Liu and others, 2022): a linear multistep method, begun with
/// Runge-Kutta steps or, as Stable Diffusion does, with one repeated step.
struct PNDMSampler: AlphaTableSampler {
  let schedule: NoiseSchedule
  private let prediction: PredictionType
  private let spacing: TimestepSpacing
  private let offset: Int
  private let skipsRungeKutta: Bool
  private let finalAlphaCumprod: Float
  private var ratio = 1
  private var rungeKuttaTimesteps: [Int] = []

  private(set) var timesteps: [Float] = []

  /// Steps taken so far.
  private var counter = 0
  /// Up to four earlier outputs, newest last.
  private var outputs: [Tensor] = []
  /// The sample that a repeated or Runge-Kutta step goes back to.
  private var startSample: Tensor?
  /// The weighted sum of outputs inside a Runge-Kutta step.
  private var accumulated: Tensor?

  init(_ settings: SamplerSettings) throws {
    schedule = try NoiseSchedule(settings, zeroSNR: false)
    prediction = try settings.prediction()
    spacing = try settings.spacing(.leading)
    offset = try settings.stepsOffset()
    skipsRungeKutta = try settings.reader.flag("skip_prk_steps", default: false)
    finalAlphaCumprod =
      try settings.reader.flag("set_alpha_to_one", default: false) ? 1 : schedule.alphasCumprod[0]
  }

  var state: SamplerState {
    var state = SamplerState()
    state["calls"] = counter
    state["outputs"] = outputs
    state["start"] = startSample
    state["sum"] = accumulated
    return state
  }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect(counters: ["calls"], tensors: ["outputs", "start", "sum"])
    counter = max(0, try state.counter("calls"))
    outputs = try state.tensors("outputs", atMost: 4)
    startSample = state["start"]
    accumulated = state["sum"]
  }

  private mutating func reset() {
    counter = 0
    outputs = []
    startSample = nil
    accumulated = nil
  }

  mutating func setTimesteps(_ count: Int) throws {
    try StepCount.check(count, trainCount: schedule.count)
    ratio = schedule.count / count
    let steps = spacing.wholeTimesteps(count, of: schedule.count, offset: offset)
    if skipsRungeKutta {
      // The second timestep is visited twice.
      let repeated = steps.count > 1 ? [steps[1]] : []
      rungeKuttaTimesteps = []
      timesteps = (steps.prefix(1) + repeated + steps.dropFirst()).map { Float($0) }
    } else {
      try makeRungeKuttaTimesteps(steps)
    }
    try StepCount.check(timesteps: timesteps.map { Double($0) }, trainCount: schedule.count)
    try checkRepeatedStep()
    reset()
  }

  private mutating func makeRungeKuttaTimesteps(_ steps: [Double]) throws {
    guard steps.count >= 4 else {
      throw SamplerError.badStepCount(
        count: steps.count, reason: "pndm begins with four Runge-Kutta steps")
    }
    // These are the four highest timesteps, each with its midpoint, in ascending order. The last
    // midpoint is dropped, and so are both ends of the doubled list.
    let points = steps.prefix(4).reversed().flatMap { [Int($0), Int($0) + ratio / 2] }.dropLast()
    let doubled = points.flatMap { [$0, $0] }.dropFirst().dropLast()
    rungeKuttaTimesteps = doubled.reversed()
    timesteps = rungeKuttaTimesteps.map { Float($0) } + steps.dropFirst(3).map { Float($0) }
  }

  /// The repeated step is taken from one step above its timestep.
  private func checkRepeatedStep() throws {
    guard skipsRungeKutta, timesteps.count > 1 else { return }
    try StepCount.check(
      timesteps: [Double(timesteps[1]) + Double(ratio)], trainCount: schedule.count)
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let previous =
      counter < rungeKuttaTimesteps.count
      ? rungeKuttaStep(modelOutput, Int(timestep), sample)
      : multistep(modelOutput, Int(timestep), sample)
    counter += 1
    return SamplerStep(previous: previous)
  }

  private mutating func rungeKuttaStep(
    _ output: Tensor, _ timestep: Int, _ sample: Tensor
  ) -> Tensor {
    let previous = timestep - (counter % 2 == 1 ? 0 : ratio / 2)
    let start = rungeKuttaTimesteps[counter / 4 * 4]
    var used = output
    switch counter % 4 {
    case 0:
      accumulated = plus(accumulated, output, 1 / 6)
      outputs.append(output)
      startSample = sample
    case 1, 2: accumulated = plus(accumulated, output, 1 / 3)
    default:
      used = plus(accumulated, output, 1 / 6)
      accumulated = nil
    }
    return transfer(startSample ?? sample, from: start, to: previous, output: used)
  }

  private func plus(_ sum: Tensor?, _ output: Tensor, _ weight: Float) -> Tensor {
    guard let sum else { return output * weight }
    return Tensor.multiplyAdd(sum, 1, output, weight)
  }

  private mutating func multistep(
    _ output: Tensor, _ timestep: Int, _ sample: Tensor
  ) -> Tensor {
    var (from, to) = (timestep, timestep - ratio)
    var start = sample
    if counter == 1 {
      (from, to) = (timestep + ratio, timestep)
    } else {
      outputs = outputs.suffix(3) + [output]
    }
    let used: Tensor
    if outputs.count == 1, counter == 0 {
      used = output
      startSample = sample
    } else if outputs.count == 1, counter == 1 {
      used = (output + outputs[0]) / 2
      start = startSample ?? sample
      startSample = nil
    } else {
      used = extrapolated
    }
    return transfer(start, from: from, to: to, output: used)
  }

  /// Combines the outputs so far with the weights of Adams and Bashforth.
  private var extrapolated: Tensor {
    let newest = Array(outputs.reversed())
    switch newest.count {
    case 1: return newest[0]
    case 2: return Tensor.multiplyAdd(newest[0], 3, newest[1], -1) / 2
    case 3:
      return Tensor.linearCombination([(23, newest[0]), (-16, newest[1]), (5, newest[2])]) / 12
    default:
      let sum = Tensor.linearCombination([
        (55, newest[0]), (-59, newest[1]), (37, newest[2]), (-9, newest[3]),
      ])
      return sum * (1 / 24)
    }
  }

  /// Formula (9) of the paper: moves a sample from one timestep to another along an output.
  private func transfer(_ sample: Tensor, from: Int, to: Int, output: Tensor) -> Tensor {
    let alpha = schedule.alphasCumprod[from]
    let target = to >= 0 ? schedule.alphasCumprod[to] : finalAlphaCumprod
    let epsilon = VariancePreserving(alphaCumprod: alpha)
      .epsilon(prediction, output: output, sample: sample)
    let denominator =
      alpha * (1 - target).squareRoot() + (alpha * (1 - alpha) * target).squareRoot()
    return Tensor.multiplyAdd(
      sample, (target / alpha).squareRoot(), epsilon, -((target - alpha) / denominator))
  }
}
