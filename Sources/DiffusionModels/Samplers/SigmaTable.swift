import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The timesteps and noise levels of one run of a sampler that works on sigmas.
struct SigmaTable: Sendable {
  var timesteps: [Float] = []
  /// The noise levels, one more than there are timesteps.
  ///
  /// A run ends at the last.
  var sigmas: [Float] = []
  /// Whether `initNoiseSigma` leaves out the picture's variance of 1.
  var startsAtFullNoise = true

  var initNoiseSigma: Float {
    let highest = sigmas.max() ?? 1
    return startsAtFullNoise ? highest : (highest * highest + 1).squareRoot()
  }

  func scaled(_ sample: Tensor, entry: Int) -> Tensor {
    sample / (sigmas[entry] * sigmas[entry] + 1).squareRoot()
  }
}

/// The rules by which the Euler and Heun samplers make their tables.
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
  /// The spread of the levels; nil for the training schedule itself.
  var sigmaSchedule: SigmaSchedule?
  var interpolation = Interpolation.linear
  var finalSigma = FinalSigma.zero
  var lowest: Double?
  var highest: Double?
  /// Whether timesteps are a quarter of the sigma's logarithm, as for some video models.
  var continuous = false

  func table(_ count: Int) throws -> SigmaTable {
    try StepCount.check(count, trainCount: schedule.count)
    var timesteps = spacing.floatTimesteps(count, of: schedule.count, offset: offset)
    let all = schedule.sigmas
    var sigmas = interpolated(timesteps, count)
    if let sigmaSchedule, let first = sigmas.first, let last = sigmas.last {
      let range = SigmaRange(highest: highest ?? first, lowest: lowest ?? last)
      sigmas = sigmaSchedule.levels(range, count)
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

/// A sampler that goes down a table of noise levels.
///
/// Conforming types add the computation of a step.
protocol SigmaTableSampler: CursorSampler {
  var rule: SigmaTableRule { get }
  var table: SigmaTable { get set }
}

extension SigmaTableSampler {
  var timesteps: [Float] { table.timesteps }
  var initNoiseSigma: Float { table.initNoiseSigma }

  mutating func setTimesteps(_ count: Int) throws {
    table = try rule.table(count)
    cursor = StepCursor()
  }

  mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor {
    table.scaled(sample, entry: cursor.locate(timestep, in: timesteps))
  }

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    let entry = cursor.noiseEntry(timestep, in: timesteps)
    return Tensor.multiplyAdd(original, 1, noise, table.sigmas[entry])
  }
}
