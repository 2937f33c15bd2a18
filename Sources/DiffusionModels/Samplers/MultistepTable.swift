import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The rules by which the multistep solvers (DPM-Solver, UniPC) make timesteps and noise levels.
struct MultistepTableRule: Sendable {
  let schedule: NoiseSchedule
  let spacing: TimestepSpacing
  let offset: Int
  /// The spread of the levels; nil for the training schedule itself.
  let sigmaSchedule: SigmaSchedule?
  let finalSigma: SigmaTableRule.FinalSigma
  var lowest: Double?
  var highest: Double?
  /// Whether timesteps of karras sigmas are rounded instead of truncated.
  var roundsTimesteps = true
  /// Whether `finalSigma` = minimum repeats the run's last sigma, instead of taking the table's
  /// lowest.
  var repeatsLastSigma = false
  /// The log-SNR below which the schedule is cut off.
  var lowestLogSNR = -Double.infinity

  func table(_ count: Int) throws -> SigmaTable {
    try StepCount.check(count, trainCount: schedule.count)
    guard lastTimestep >= 1 else {
      throw SamplerError.badValue(key: "lambda_min_clipped", reason: "leaves no timestep")
    }
    let all = schedule.sigmas
    var timesteps = spacing.multistepTimesteps(
      count, of: schedule.count, last: lastTimestep, offset: offset)
    var sigmas = Numpy.interpolate(timesteps, all)
    var final = Double(all[0])
    if let sigmaSchedule {
      let range = SigmaRange(
        highest: highest ?? Double(all[all.count - 1]), lowest: lowest ?? Double(all[0]))
      sigmas = sigmaSchedule.levels(range, count)
      let logs = all.map { log($0) }
      timesteps = sigmas.map { SigmaSchedule.timestep(of: $0, logSigmas: logs) }
      if roundsTimesteps, sigmaSchedule.roundsTimesteps {
        timesteps = timesteps.map(Numpy.round)
      }
      if repeatsLastSigma, let last = sigmas.last { final = last }
    }
    if finalSigma == .zero { final = 0 }
    // Timesteps are truncated to whole numbers, which changes those that were not rounded before.
    let whole = timesteps.map { Float($0.rounded(.towardZero)) }
    try StepCount.checkNumbers(whole)
    return SigmaTable(
      timesteps: whole,
      sigmas: (sigmas + [final]).map { Float($0) })
  }

  private var lastTimestep: Int {
    guard lowestLogSNR > -.infinity else { return schedule.count }
    let logSNR = schedule.alphasCumprod.map { alpha in
      log(alpha.squareRoot()) - log((1 - alpha).squareRoot())
    }
    let clipped = logSNR.reversed().firstIndex { Double($0) >= lowestLogSNR }
    return clipped.map { $0.base } ?? 0
  }
}

extension SigmaTable {
  /// alpha, sigma and log-SNR of an entry in variance-preserving form.
  func level(_ entry: Int) -> SolverLevel { SolverLevel(sigma: sigmas[entry]) }
}

/// A noise level in the form that the solvers use.
struct SolverLevel {
  let alpha: Float
  let sigma: Float
  /// log(alpha / sigma); infinite at sigma 0.
  let lambda: Float

  init(sigma: Float) {
    let level = VariancePreserving(sigma: sigma)
    alpha = level.alpha
    self.sigma = level.sigma
    lambda = log(level.alpha) - log(level.sigma)
  }
}
