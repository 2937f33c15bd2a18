import Glibc

/// A spread of noise levels between a highest and a lowest sigma.
enum SigmaSchedule: Sendable, Equatable {
  case training
  case karras
  case exponential
  case beta
  /// Even steps of log(sigma) between the table's ends, as DPM-Solver's authors do it.
  case uniformLogSNR

  /// What a configuration's flags ask for.
  init(_ settings: SamplerSettings, knowsLu: Bool = false) throws {
    let flags: [(String, SigmaSchedule)] = [
      ("use_karras_sigmas", .karras), ("use_exponential_sigmas", .exponential),
      ("use_beta_sigmas", .beta),
    ]
    let chosen = try flags.filter { try settings.bool($0.0, false) }
    guard chosen.count <= 1 else {
      throw settings.bad(chosen[1].0, "only one kind of sigmas can be used, also \(chosen[0].0)")
    }
    if let first = chosen.first {
      self = first.1
    } else if knowsLu, try settings.bool("use_lu_lambdas", false) {
      self = .uniformLogSNR
    } else {
      self = .training
    }
  }

  /// `count` sigmas from `highest` down to `lowest`; not for `.training`.
  func sigmas(from highest: Double, to lowest: Double, count: Int) -> [Double] {
    switch self {
    case .training: return []
    case .karras:
      let high = pow(highest, 1 / 7.0)
      let low = pow(lowest, 1 / 7.0)
      return Numpy.linspace(0, 1, count).map { pow(high + $0 * (low - high), 7) }
    case .exponential:
      return Numpy.linspace(log(highest), log(lowest), count).map { exp($0) }
    case .beta:
      return Numpy.linspace(0, 1, count).map { time in
        lowest + BetaDistribution.quantile(1 - time, alpha: 0.6, beta: 0.6) * (highest - lowest)
      }
    case .uniformLogSNR:
      let (high, low) = (Double(Float(log(highest))), Double(Float(log(lowest))))
      return Numpy.linspace(0, 1, count).map { exp(high + $0 * (low - high)) }
    }
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

/// Quantiles of the beta distribution.
enum BetaDistribution {
  /// The value below which a share `probability` of the distribution lies.
  ///
  /// Bisection on the regularised incomplete beta function: slow, exact to the last few bits, and called once
  /// per step of a schedule.
  static func quantile(_ probability: Double, alpha: Double, beta: Double) -> Double {
    if probability <= 0 { return 0 }
    if probability >= 1 { return 1 }
    var low = 0.0
    var high = 1.0
    while true {
      let middle = low + (high - low) / 2
      if middle <= low || middle >= high { return middle }
      if cumulative(middle, alpha, beta) < probability { low = middle } else { high = middle }
    }
  }

  private static func cumulative(_ x: Double, _ alpha: Double, _ beta: Double) -> Double {
    let front = exp(
      lgamma(alpha + beta) - lgamma(alpha) - lgamma(beta) + alpha * log(x) + beta * log1p(-x))
    if x < (alpha + 1) / (alpha + beta + 2) {
      return front * continuedFraction(x, alpha, beta) / alpha
    }
    return 1 - front * continuedFraction(1 - x, beta, alpha) / beta
  }

  /// Lentz's evaluation of the continued fraction of the incomplete beta function.
  private static func continuedFraction(_ x: Double, _ alpha: Double, _ beta: Double) -> Double {
    let tiny = 1e-300
    func guarded(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / guarded(1 - (alpha + beta) * x / (alpha + 1))
    var result = d
    for index in 1...500 {
      let m = Double(index)
      let even = m * (beta - m) * x / ((alpha + 2 * m - 1) * (alpha + 2 * m))
      let odd =
        -(alpha + m) * (alpha + beta + m) * x / ((alpha + 2 * m) * (alpha + 2 * m + 1))
      var change = 1.0
      for term in [even, odd] {
        d = 1 / guarded(1 + term * d)
        c = guarded(1 + term / c)
        change = c * d
        result *= change
      }
      if abs(change - 1) < 1e-16 { break }
    }
    return result
  }
}
