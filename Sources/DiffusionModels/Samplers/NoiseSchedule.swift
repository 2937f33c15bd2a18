import ResgraphWeights

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The noise that a model was trained with: the share of the picture that is left at each timestep.
struct NoiseSchedule: Sendable {
  /// The default values of one scheduler class.
  struct Defaults {
    var start = 0.0001
    var end = 0.02
    var schedule = BetaSchedule.linear
    /// The beta schedules that the class knows.
    var known: [BetaSchedule] = [.linear, .scaledLinear, .squaredCosine]
  }

  /// How beta grows over the training timesteps.
  enum BetaSchedule: String, CaseIterable {
    case linear
    case scaledLinear = "scaled_linear"
    case squaredCosine = "squaredcos_cap_v2"
    case exp
    case laplace
    case sigmoid
  }

  /// alpha-bar: the share of the picture's variance at each timestep.
  private(set) var alphasCumprod: [Float]
  /// The share of noise that each timestep adds.
  let betas: [Float]

  var count: Int { alphasCumprod.count }

  /// sigma = sqrt((1 - alpha-bar) / alpha-bar) at each timestep.
  var sigmas: [Float] { alphasCumprod.map { (((1 - $0) / $0)).squareRoot() } }

  /// - Parameters:
  ///   - settings: The configuration.
  ///   - defaults: The defaults of the class that reads it.
  ///   - zeroSNR: Whether `rescale_betas_zero_snr` is honoured.
  ///   - keepsLastPositive: Whether the rescaled last alpha-bar is 2^-24 rather than 0, so that the first
  ///     sigma stays finite.
  /// - Throws: `SamplerError` for values that no schedule can have.
  init(
    _ settings: SamplerSettings, defaults: Defaults = Defaults(), zeroSNR: Bool = true,
    keepsLastPositive: Bool = false
  ) throws {
    let count = try settings.reader.int("num_train_timesteps", default: 1000, in: 2...100_000)
    var betas = try Self.betas(settings, defaults, count)
    let rescale = try zeroSNR && settings.reader.flag("rescale_betas_zero_snr", default: false)
    if rescale { betas = Self.rescaledToZeroSNR(betas) }
    self.betas = betas
    alphasCumprod = Self.cumulativeProduct(betas.map { 1 - $0 })
    if rescale, keepsLastPositive { alphasCumprod[count - 1] = 0x1p-24 }
  }

  private static func betas(
    _ settings: SamplerSettings, _ defaults: Defaults, _ count: Int
  ) throws -> [Float] {
    if let trained = try settings.reader.doubles("trained_betas") {
      guard trained.count == count else {
        throw settings.bad("trained_betas", "\(trained.count) values for \(count) timesteps")
      }
      return trained.map { Float($0) }
    }
    let start = try settings.reader.double("beta_start", default: defaults.start)
    let end = try settings.reader.double("beta_end", default: defaults.end)
    guard start > 0, end < 1, start <= end else {
      throw settings.bad("beta_start", "0 < beta_start <= beta_end < 1 expected")
    }
    let schedule = try settings.reader.choice("beta_schedule", default: defaults.schedule)
    guard defaults.known.contains(schedule) else {
      throw settings.unsupported("beta_schedule \(schedule.rawValue) is not supported")
    }
    switch schedule {
    case .linear: return linspace(Float(start), Float(end), count)
    case .scaledLinear:
      return linspace(Float(start.squareRoot()), Float(end.squareRoot()), count).map { $0 * $0 }
    case .sigmoid:
      let range = Float(end - start)
      return linspace(-6, 6, count).map { 1 / (1 + exp(-$0)) * range + Float(start) }
    case .squaredCosine:
      return betas(count) { time in
        let value = cos((time + 0.008) / 1.008 * .pi / 2)
        return value * value
      }
    case .exp: return betas(count) { exp($0 * -12) }
    case .laplace:
      return betas(count) { time in
        let side: Double = 0.5 - time < 0 ? -1 : 1
        let snr = exp(-0.5 * side * log(1 - 2 * abs(0.5 - time) + 1e-6))
        return (snr / (1 + snr)).squareRoot()
      }
    }
  }

  /// Betas whose alpha-bar follows a function of time in 0...1, none above 0.999.
  private static func betas(_ count: Int, alphaBar: (Double) -> Double) -> [Float] {
    (0..<count).map { index in
      let now = alphaBar(Double(index) / Double(count))
      let next = alphaBar(Double(index + 1) / Double(count))
      return Float(min(1 - next / now, 0.999))
    }
  }

  /// torch.linspace in float32, which counts from both ends towards the middle.
  static func linspace(_ start: Float, _ end: Float, _ count: Int) -> [Float] {
    guard count > 1 else { return [start] }
    let step = (end - start) / Float(count - 1)
    return (0..<count).map { index in
      index < count / 2 ? start + step * Float(index) : end - step * Float(count - 1 - index)
    }
  }

  /// torch.cumprod on float32: accumulated in double, every entry rounded.
  static func cumulativeProduct(_ values: [Float]) -> [Float] {
    var product = 1.0
    return values.map { value in
      product *= Double(value)
      return Float(product)
    }
  }

  /// Shifts and scales sqrt(alpha-bar) so that the last value is 0 and the first stays ("Common
  /// Diffusion Noise Schedules and Sample Steps are Flawed", algorithm 1).
  private static func rescaledToZeroSNR(_ betas: [Float]) -> [Float] {
    var roots = cumulativeProduct(betas.map { 1 - $0 }).map { $0.squareRoot() }
    guard let first = roots.first, let last = roots.last, first != last else { return betas }
    let scale = first / (first - last)
    roots = roots.map { ($0 - last) * scale }
    let bars = roots.map { $0 * $0 }
    return bars.indices.map { index in
      1 - (index == 0 ? bars[0] : bars[index] / bars[index - 1])
    }
  }
}
