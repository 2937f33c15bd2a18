import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The update formulas of DPM-Solver and DPM-Solver++ up to third order.
struct DPMSolverFormulas: Sendable {
  let algorithm: DPMSolverSampler.Algorithm
  let type: DPMSolverSampler.SolverType

  /// One step.
  ///
  /// - Parameters:
  ///   - sample: The sample at `levels[1]`.
  ///   - outputs: Converted model outputs, newest first, one per order.
  ///   - levels: The level to reach, the present one, then earlier ones.
  ///   - noise: Fresh noise for the stochastic algorithms.
  /// - Returns: The sample at `levels[0]`.
  func step(
    sample: Tensor, outputs: [Tensor], levels: [SolverLevel], noise: Tensor?
  ) -> Tensor {
    let (target, present) = (levels[0], levels[1])
    let h = target.lambda - present.lambda
    let factors = DifferenceFactors(algorithm, target: target, h: h)
    var terms = [(sampleFactor(target, present, h), sample), (factors.zeroth, outputs[0])]
    if outputs.count > 1 {
      let h0 = present.lambda - levels[2].lambda
      terms += differences(outputs, levels, h: h, h0: h0, factors)
    }
    if let noise { terms.append((noiseFactor(target, h), noise)) }
    return Tensor.linearCombination(terms)
  }

  /// Computes the first and second divided difference of the outputs.
  private func differences(
    _ outputs: [Tensor], _ levels: [SolverLevel], h: Float, h0: Float, _ factors: DifferenceFactors
  ) -> [(Float, Tensor)] {
    let r0 = h0 / h
    let newest = (outputs[0] - outputs[1]) * (1 / r0)
    guard outputs.count > 2 else {
      return [(type == .midpoint ? factors.midpointFirst : factors.first, newest)]
    }
    let r1 = (levels[2].lambda - levels[3].lambda) / h
    let older = (outputs[1] - outputs[2]) * (1 / r1)
    let change = newest - older
    return [
      (factors.first, Tensor.multiplyAdd(newest, 1, change, r0 / (r0 + r1))),
      (factors.second, change * (1 / (r0 + r1))),
    ]
  }

  private func sampleFactor(_ target: SolverLevel, _ present: SolverLevel, _ h: Float) -> Float {
    switch algorithm {
    case .data: target.sigma / present.sigma
    case .stochasticData: target.sigma / present.sigma * exp(-h)
    case .noise, .stochasticNoise: target.alpha / present.alpha
    }
  }

  private func noiseFactor(_ target: SolverLevel, _ h: Float) -> Float {
    algorithm == .stochasticData
      ? target.sigma * (1 - exp(-2 * h)).squareRoot()
      : target.sigma * (exp(2 * h) - 1).squareRoot()
  }
}

/// The factors of the newest output and of its divided differences.
private struct DifferenceFactors {
  let zeroth: Float
  /// For the midpoint rule of second order.
  let midpointFirst: Float
  /// For Heun's rule and for third order.
  let first: Float
  let second: Float

  init(_ algorithm: DPMSolverSampler.Algorithm, target: SolverLevel, h: Float) {
    switch algorithm {
    case .data:
      let decay = exp(-h) - 1
      zeroth = -(target.alpha * decay)
      midpointFirst = -0.5 * (target.alpha * decay)
      first = target.alpha * (decay / h + 1)
      second = -(target.alpha * ((decay + h) / (h * h) - 0.5))
    case .noise:
      let growth = exp(h) - 1
      zeroth = -(target.sigma * growth)
      midpointFirst = -0.5 * (target.sigma * growth)
      first = -(target.sigma * (growth / h - 1))
      second = -(target.sigma * ((growth - h) / (h * h) - 0.5))
    case .stochasticData:
      let decay = 1 - exp(-2 * h)
      zeroth = target.alpha * decay
      midpointFirst = 0.5 * (target.alpha * decay)
      first = target.alpha * (decay / (-2 * h) + 1)
      second = target.alpha * ((decay - 2 * h) / (4 * h * h) - 0.5)
    case .stochasticNoise:
      let growth = exp(h) - 1
      zeroth = -2 * (target.sigma * growth)
      midpointFirst = -(target.sigma * growth)
      first = -2 * (target.sigma * (growth / h - 1))
      second = 0
    }
  }
}
