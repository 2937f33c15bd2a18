import ResgraphFiles
import ResgraphWeights
import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SamplerKind {
  /// DPMSolverMultistepScheduler with `dpmsolver++`.
  public static let dpmpp2M = SamplerKind(name: "dpmpp_2m")
  /// DPMSolverMultistepScheduler with `sde-dpmsolver++`.
  public static let dpmpp2MSDE = SamplerKind(name: "dpmpp_2m_sde")
}

extension SamplerDescription {
  static let dpmpp2M = SamplerDescription(
    kind: .dpmpp2M, schedulerClasses: ["DPMSolverMultistepScheduler"],
    schedules: ScheduleKind.choices, impliedValues: ["algorithm_type": "dpmsolver++"],
    make: { try DPMSolverSampler($0) })

  static let dpmpp2MSDE = SamplerDescription(
    kind: .dpmpp2MSDE, schedules: ScheduleKind.choices,
    impliedValues: ["algorithm_type": "sde-dpmsolver++"], make: { try DPMSolverSampler($0) })
}

/// DPM-Solver and DPM-Solver++, multistep, deterministic and stochastic (Lu and others, 2022).
struct DPMSolverSampler: MultistepSampler {
  /// The equation that is solved: for the noise or for the clean sample, with or without fresh
  /// noise.
  enum Algorithm: String, CaseIterable, Sendable {
    case noise = "dpmsolver"
    case data = "dpmsolver++"
    case stochasticNoise = "sde-dpmsolver"
    case stochasticData = "sde-dpmsolver++"

    var predictsData: Bool { self == .data || self == .stochasticData }
    var isStochastic: Bool { self == .stochasticData || self == .stochasticNoise }
  }

  enum SolverType: String, CaseIterable, Sendable {
    case midpoint
    case heun
  }

  let rule: MultistepTableRule
  private let prediction: PredictionType
  private let clipping: Clipping
  private let formulas: DPMSolverFormulas
  let solverOrder: Int
  private let lowerOrderFinal: Bool
  private let eulerAtFinal: Bool
  var table = SigmaTable()
  var cursor = StepCursor()
  var outputs: [Tensor] = []

  init(_ settings: SamplerSettings) throws {
    try settings.refuse("use_flow_sigmas", "use_dynamic_shifting")
    guard
      try settings.reader.string("variance_type", default: "fixed").hasPrefix("learned") == false
    else {
      throw settings.unsupported("models that predict their variance are not supported")
    }
    let algorithm = try settings.reader.choice(
      "algorithm_type", default: Algorithm.data, named: ["deis": .data])
    let type = try settings.reader.choice(
      "solver_type", default: SolverType.midpoint,
      named: ["logrho": .midpoint, "bh1": .midpoint, "bh2": .midpoint])
    let schedule = try NoiseSchedule(settings, keepsLastPositive: true)
    let cosine =
      try settings.reader.string("beta_schedule", default: "linear") == "squaredcos_cap_v2"
    var rule = MultistepTableRule(
      schedule: schedule, spacing: try settings.spacing(.linspace),
      offset: try settings.stepsOffset(),
      sigmaSchedule: try SigmaSchedule.chosen(settings, knowsLu: true),
      finalSigma: try settings.reader.choice("final_sigmas_type", default: .zero))
    rule.roundsTimesteps = !cosine
    rule.lowestLogSNR = try settings.reader.double("lambda_min_clipped", default: -.infinity)
    self.rule = rule
    guard algorithm.predictsData || rule.finalSigma == .minimum else {
      throw settings.unsupported("\(algorithm.rawValue) needs final_sigmas_type sigma_min")
    }
    solverOrder = try settings.reader.int("solver_order", default: 2, in: 1...3)
    guard solverOrder < 3 || algorithm != .stochasticNoise else {
      throw settings.unsupported("\(algorithm.rawValue) has no third order")
    }
    formulas = DPMSolverFormulas(algorithm: algorithm, type: type)
    prediction = try settings.prediction()
    clipping = try Clipping(settings, clipsByDefault: nil)
    lowerOrderFinal = try settings.reader.flag("lower_order_final", default: true)
    eulerAtFinal = try settings.reader.flag("euler_at_final", default: false)
  }

  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep {
    let entry = cursor.locate(timestep, in: timesteps)
    // The order depends on the number of outputs of earlier steps.
    let earlier = outputs.count < solverOrder ? outputs.count : solverOrder
    outputs = (outputs + [converted(modelOutput, sample, entry)]).suffix(solverOrder)
    let noise =
      formulas.algorithm.isStochastic ? generator.randn(modelOutput.shape) : nil
    let order = orderOfStep(entry, earlier: earlier)
    let levels = (0...order).map { table.level(entry + 1 - $0) }
    let previous = formulas.step(
      sample: sample, outputs: outputs.suffix(order).reversed(), levels: levels, noise: noise)
    cursor.index = entry + 1
    return SamplerStep(previous: previous)
  }

  private func orderOfStep(_ entry: Int, earlier: Int) -> Int {
    let remaining = timesteps.count - entry
    let isShort = lowerOrderFinal && timesteps.count < 15
    if remaining == 1, eulerAtFinal || isShort || rule.finalSigma == .zero { return 1 }
    let possible = min(solverOrder, earlier + 1)
    return remaining == 2 && isShort ? min(possible, 2) : possible
  }

  /// The clean sample, or the noise, that the solver integrates.
  private func converted(_ output: Tensor, _ sample: Tensor, _ entry: Int) -> Tensor {
    let level = VariancePreserving(sigma: table.sigmas[entry])
    if formulas.algorithm.predictsData {
      return clipping(level.original(prediction, output: output, sample: sample))
    }
    let epsilon = level.epsilon(prediction, output: output, sample: sample)
    guard case .quantile = clipping else { return epsilon }
    let original = clipping(level.original(.epsilon, output: epsilon, sample: sample))
    return level.epsilon(.sample, output: original, sample: sample)
  }
}
