#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension ScheduleKind {
  /// Even steps of the seventh root of sigma (Karras and others, 2022).
  public static let karras = ScheduleKind(name: "karras")
  /// Even steps of the logarithm of sigma.
  public static let exponential = ScheduleKind(name: "exponential")
  /// Quantiles of a beta distribution ("Beta Sampling is All You Need").
  public static let beta = ScheduleKind(name: "beta")
}

/// The noise levels that a schedule spreads its steps over.
struct SigmaRange {
  /// The level to begin with.
  let highest: Double
  /// The level of the last step.
  let lowest: Double
}

/// One way to spread noise levels, by the name that graphs and configurations use.
///
/// A new schedule is a row, and its name in `all`.
struct SigmaSchedule: Sendable, Equatable {
  let name: String
  /// Whether a graph can choose it, rather than a configuration alone.
  var isChoice = true
  /// Whether the multistep solvers round the timesteps of its levels rather than cut them off.
  var roundsTimesteps = false
  /// So many levels, descending.
  let levels: @Sendable (SigmaRange, Int) -> [Double]

  /// Every schedule but the training schedule itself.
  static let all = [karras, exponential, beta, uniformLogSNR]

  /// Even steps of the seventh root of sigma (Karras and others, 2022).
  static let karras = SigmaSchedule(name: "karras", roundsTimesteps: true) { range, count in
    let high = pow(range.highest, 1 / 7.0)
    let low = pow(range.lowest, 1 / 7.0)
    return Numpy.linspace(0, 1, count).map { pow(high + $0 * (low - high), 7) }
  }

  /// Even steps of the logarithm of sigma.
  static let exponential = SigmaSchedule(name: "exponential") { range, count in
    Numpy.linspace(log(range.highest), log(range.lowest), count).map { exp($0) }
  }

  /// Quantiles of a beta distribution ("Beta Sampling is All You Need").
  static let beta = SigmaSchedule(name: "beta") { range, count in
    Numpy.linspace(0, 1, count).map { time in
      let share = BetaDistribution.quantile(1 - time, alpha: 0.6, beta: 0.6)
      return range.lowest + share * (range.highest - range.lowest)
    }
  }

  /// Even steps of log(sigma) between the table's ends, as DPM-Solver's authors do it.
  static let uniformLogSNR = SigmaSchedule(
    name: "lu", isChoice: false, roundsTimesteps: true
  ) { range, count in
    let (high, low) = (Double(Float(log(range.highest))), Double(Float(log(range.lowest))))
    return Numpy.linspace(0, 1, count).map { exp(high + $0 * (low - high)) }
  }

  static func == (lhs: Self, rhs: Self) -> Bool { lhs.name == rhs.name }

  /// The member of a configuration that asks for it.
  var flag: String { self == .uniformLogSNR ? "use_lu_lambdas" : "use_\(name)_sigmas" }

  /// The schedule that a configuration's flags ask for; nil for the training schedule itself.
  static func chosen(
    _ settings: SamplerSettings, knowsLu: Bool = false
  ) throws -> SigmaSchedule? {
    let chosen = try all.filter { try $0.isChoice && settings.reader.flag($0.flag, default: false) }
    guard chosen.count <= 1 else {
      throw settings.bad(
        chosen[1].flag, "only one kind of sigmas can be used, also \(chosen[0].flag)")
    }
    if let first = chosen.first { return first }
    let wantsLu = try knowsLu && settings.reader.flag(uniformLogSNR.flag, default: false)
    return wantsLu ? uniformLogSNR : nil
  }

  /// The fractional training timestep of a noise level, interpolated in the logarithm.
  static func timestep(of sigma: Double, logSigmas: [Float]) -> Double {
    let logSigma = log(max(sigma, 1e-10))
    var low = logSigmas.lastIndex { logSigma - Double($0) >= 0 } ?? 0
    low = min(low, logSigmas.count - 2)
    let difference = logSigmas[low] - logSigmas[low + 1]
    let weight = (Double(logSigmas[low]) - logSigma) / Double(difference)
    let clipped = min(max(weight, 0), 1)
    return (1 - clipped) * Double(low) + clipped * Double(low + 1)
  }
}
