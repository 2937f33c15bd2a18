#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Quantiles of the beta distribution.
enum BetaDistribution {
  /// The value below which a share `probability` of the distribution lies.
  ///
  /// It bisects the regularised incomplete beta function. This is slow and exact to the last few
  /// bits, and is done once per step of a schedule.
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
