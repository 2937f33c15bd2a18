import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SamplerKind {
  /// UniPCMultistepScheduler.
  public static let unipc = SamplerKind(name: "unipc")
}

extension SamplerDescription {
  static let unipc = SamplerDescription(
    kind: .unipc, schedulerClasses: ["UniPCMultistepScheduler"], schedules: ScheduleKind.choices,
    make: { try UniPCSampler($0) })
}

/// UniPC: a predictor and a corrector of any order over the same outputs (Zhao and others, 2023).
struct UniPCSampler: MultistepSampler {
  enum SolverType: String, CaseIterable, Sendable {
    case bh1
    case bh2
  }

  let rule: MultistepTableRule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let type: SolverType
  private let predictsData: Bool
  let solverOrder: Int
  private let lowerOrderFinal: Bool
  private let uncorrectedSteps: [Int]
  var table = SigmaTable()
  var cursor = StepCursor()
  var outputs: [Tensor] = []
  /// The sample and order of the last step, which the corrector computes again with the newer
  /// output.
  private var lastSample: Tensor?
  private var lastOrder = 1

  init(_ settings: SamplerSettings) throws {
    try settings.refuse("use_flow_sigmas", "use_dynamic_shifting")
    guard try settings.reader.string("solver_p", default: "") == "" else {
      throw settings.unsupported("a separate predictor (solver_p) is not supported")
    }
    type = try settings.reader.choice(
      "solver_type", default: SolverType.bh2,
      named: ["midpoint": .bh2, "heun": .bh2, "logrho": .bh2])
    var rule = MultistepTableRule(
      schedule: try NoiseSchedule(settings, keepsLastPositive: true),
      spacing: try settings.spacing(.linspace), offset: try settings.stepsOffset(),
      sigmaSchedule: try SigmaSchedule.chosen(settings),
      finalSigma: try settings.reader.choice("final_sigmas_type", default: .zero))
    rule.lowest = try settings.reader.optionalDouble("sigma_min")
    rule.highest = try settings.reader.optionalDouble("sigma_max")
    rule.repeatsLastSigma = true
    self.rule = rule
    prediction = try settings.prediction()
    predictsData = try settings.reader.flag("predict_x0", default: true)
    clipping = predictsData ? try Clipping(settings, clipsByDefault: nil) : .none
    solverOrder = try settings.reader.int("solver_order", default: 2, in: 1...5)
    lowerOrderFinal = try settings.reader.flag("lower_order_final", default: true)
    uncorrectedSteps = try settings.reader.ints("disable_corrector")
  }

  var state: SamplerState {
    var state = historyState
    state["order"] = lastOrder
    state["start"] = lastSample
    return state
  }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect(counters: ["order"], tensors: ["outputs", "start"])
    try restoreHistory(state)
    lastSample = state["start"]
    lastOrder = try state.counter("order")
    guard (1...max(outputs.count, 1)).contains(lastOrder) else {
      throw SavedStateError("an order beyond its history")
    }
  }

  mutating func setTimesteps(_ count: Int) throws {
    try begin(count)
    lastSample = nil
    lastOrder = 1
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    let output = converted(modelOutput, sample, entry)
    var sample = sample
    if entry > 0, !uncorrectedSteps.contains(entry - 1), let lastSample {
      sample = corrected(lastSample, output: output, entry: entry)
    }
    let earlier = outputs.count
    outputs = (outputs + [output]).suffix(solverOrder)
    let possible = min(solverOrder, min(earlier, solverOrder) + 1)
    lastOrder = lowerOrderFinal ? min(possible, timesteps.count - entry) : possible
    lastSample = sample
    let previous = predicted(sample, entry: entry)
    cursor.index = entry + 1
    return SamplerStep(previous: previous)
  }

  private func converted(_ output: Tensor, _ sample: Tensor, _ entry: Int) -> Tensor {
    let level = VariancePreserving(sigma: table.sigmas[entry])
    return predictsData
      ? clipping(level.original(prediction, output: output, sample: sample))
      : level.epsilon(prediction, output: output, sample: sample)
  }

  // MARK: Predictor and corrector

  private func predicted(_ sample: Tensor, entry: Int) -> Tensor {
    let update = Update(self, from: entry, to: entry + 1, order: lastOrder)
    let weights = lastOrder == 2 ? [0.5] : update.weights(count: lastOrder - 1)
    let corrections = zip(weights, update.differences).map { ($0, $1) }
    return update.result(sample, corrections)
  }

  private func corrected(_ sample: Tensor, output: Tensor, entry: Int) -> Tensor {
    let update = Update(self, from: entry - 1, to: entry, order: lastOrder)
    let weights = lastOrder == 1 ? [0.5] : update.weights(count: lastOrder)
    let differences = update.differences + [output - update.newest]
    return update.result(sample, zip(weights, differences).map { ($0, $1) })
  }

  /// The quantities that predictor and corrector share for a step between two entries.
  private struct Update {
    let newest: Tensor
    /// Divided differences of earlier outputs against the newest.
    private(set) var differences: [Tensor] = []
    private var ratios: [Float] = []
    private let sampleFactor: Float
    private let outputFactor: Float
    private let correctionFactor: Float
    private let signedStep: Float
    private let phi: Float
    private let scale: Float

    init(_ sampler: UniPCSampler, from: Int, to: Int, order: Int) {
      let (target, present) = (sampler.table.level(to), sampler.table.level(from))
      newest = sampler.outputs[sampler.outputs.count - 1]
      let h = target.lambda - present.lambda
      for step in 1..<max(order, 1) {
        let level = sampler.table.level(from - step)
        let ratio = (level.lambda - present.lambda) / h
        ratios.append(ratio)
        let earlier = sampler.outputs[sampler.outputs.count - 1 - step]
        differences.append((earlier - newest) / ratio)
      }
      ratios.append(1)
      signedStep = sampler.predictsData ? -h : h
      phi = expm1(signedStep)
      scale = sampler.type == .bh1 ? signedStep : phi
      let side = sampler.predictsData ? target.alpha : target.sigma
      sampleFactor =
        sampler.predictsData ? target.sigma / present.sigma : target.alpha / present.alpha
      outputFactor = -(side * phi)
      correctionFactor = -(side * scale)
    }

    /// The weights of the first `count` differences: a Vandermonde system in the step ratios.
    func weights(count: Int) -> [Float] {
      var rows: [[Double]] = []
      var power = phi / signedStep - 1
      var factorial: Float = 1
      for row in 0..<count {
        let right = power * factorial / scale
        rows.append(ratios.prefix(count).map { pow(Double($0), Double(row)) } + [Double(right)])
        factorial *= Float(row + 2)
        power = power / signedStep - 1 / factorial
      }
      return solve(rows).map { Float($0) }
    }

    func result(_ sample: Tensor, _ corrections: [(Float, Tensor)]) -> Tensor {
      var terms = [(sampleFactor, sample), (outputFactor, newest)]
      if !corrections.isEmpty {
        terms.append((correctionFactor, Tensor.linearCombination(corrections)))
      }
      return Tensor.linearCombination(terms)
    }
  }
}

/// Gaussian elimination with row exchange; each row ends with its right-hand side.
private func solve(_ system: [[Double]]) -> [Double] {
  var rows = system
  let count = rows.count
  for column in 0..<count {
    let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
    rows.swapAt(column, pivot)
    for row in 0..<count where row != column {
      let factor = rows[row][column] / rows[column][column]
      for index in column...count { rows[row][index] -= factor * rows[column][index] }
    }
  }
  return (0..<count).map { rows[$0][count] / rows[$0][$0] }
}
