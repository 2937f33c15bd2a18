import ResgraphFiles
import ResgraphWeights

/// The configuration as one sampler reads it, with the choices of a graph in it.
struct SamplerSettings: Sendable {
  /// The members by name.
  let reader: ConfigReader
  /// The share of fresh noise that a graph asks for.
  let eta: Float
  private let description: SamplerDescription

  init(
    _ description: SamplerDescription, config: SchedulerConfig, isCheckpointsOwn: Bool = false,
    overrides: [String: JSONValue] = [:], eta: Float = 0
  ) {
    self.description = description
    self.eta = eta
    // A pipeline corrects its own scheduler even where the file states no value. When the scheduler
    // is converted to another class, the correction is lost with the other defaults.
    let corrections: [String: JSONValue] =
      isCheckpointsOwn && config.correctsOldFiles ? ["steps_offset": 1, "clip_sample": false] : [:]
    let values = corrections.merging(config.values) { $1 }.merging(overrides) { $1 }
    reader = ConfigReader(
      .object(values), model: description.kind.rawValue, nullFlag: false,
      invalid: { SamplerError.badValue(key: $0, reason: $1) })
  }

  func bad(_ key: String, _ reason: String) -> SamplerError { .badValue(key: key, reason: reason) }

  func unsupported(_ reason: String) -> SamplerError {
    .unsupported(sampler: description.kind.rawValue, reason: reason)
  }

  /// Refuses flags that change the mathematics in ways that are not implemented.
  func refuse(_ keys: String...) throws {
    for key in keys where try reader.flag(key, default: false) {
      throw unsupported("\(key) is not supported")
    }
  }

  /// The prediction type, which must be one that the sampler supports.
  func prediction(named aliases: [String: PredictionType] = [:]) throws -> PredictionType {
    let kind = try reader.choice("prediction_type", default: PredictionType.epsilon, named: aliases)
    guard description.predictions.contains(kind) else {
      throw unsupported("prediction_type \(kind.rawValue) is not supported")
    }
    return kind
  }

  /// The rule for picking timesteps.
  func spacing(_ defaultValue: TimestepSpacing) throws -> TimestepSpacing {
    try reader.choice("timestep_spacing", default: defaultValue)
  }

  func stepsOffset() throws -> Int {
    try reader.int("steps_offset", default: 0, in: -1_000_000...1_000_000)
  }
}
