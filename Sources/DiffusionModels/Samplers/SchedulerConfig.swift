import ResgraphFiles
import ResgraphWeights

/// A checkpoint's `scheduler_config.json`: the values it states, and nothing else.
///
/// A sampler made from it takes every stated value that it knows and its own default for the rest. Defaults
/// of the class that wrote the file are never carried over to another class, as in diffusers' `from_config`.
public struct SchedulerConfig: Sendable, Equatable {
  /// The scheduler class the file names.
  public let className: String
  /// The stated values by name.
  let values: [String: JSONValue]
  /// Whether the two corrections of diffusers' Stable Diffusion 1 and 2 pipelines apply.
  let correctsOldFiles: Bool

  /// Reads a configuration.
  ///
  /// - Parameters:
  ///   - json: The file, or nil for a checkpoint without one, which then has Stable Diffusion 1.5's values.
  ///   - correctsOldFiles: Apply what diffusers' Stable Diffusion 1 and 2 pipelines do to a configuration
  ///     (`steps_offset` becomes 1, `clip_sample` becomes false); its SDXL pipelines do not.
  /// - Throws: `SamplerError.badValue` when the file is not an object that names its class.
  public init(json: JSONValue?, correctsOldFiles: Bool = true) throws {
    guard var values = (json ?? Self.stableDiffusion).objectValue else {
      throw SamplerError.badValue(key: "scheduler_config.json", reason: "not an object")
    }
    guard let name = values["_class_name"]?.stringValue else {
      throw SamplerError.badValue(key: "_class_name", reason: "missing; it names the scheduler")
    }
    for hidden in values["_use_default_values"]?.arrayValue ?? [] {
      if let key = hidden.stringValue { values[key] = nil }
    }
    if correctsOldFiles {
      if let offset = values["steps_offset"]?.doubleValue, offset != 1 {
        values["steps_offset"] = 1
      }
      if values["clip_sample"]?.boolValue == true { values["clip_sample"] = false }
    }
    className = name
    self.values = values.filter { !$0.key.hasPrefix("_") }
    self.correctsOldFiles = correctsOldFiles
  }

  /// The configuration that Stable Diffusion 1.5 carries.
  private static let stableDiffusion: JSONValue = [
    "_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "clip_sample": false, "num_train_timesteps": 1000,
    "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": nil,
  ]
}

/// The configuration as one sampler class reads it.
struct SamplerSettings: Sendable {
  /// The sampler's name, for messages.
  let sampler: String
  private var values: [String: JSONValue]
  /// Values used where the configuration states none, in place of the class's defaults.
  private let correctedDefaults: [String: JSONValue]

  init(
    sampler: String, config: SchedulerConfig, isCheckpointsOwn: Bool,
    overrides: [String: JSONValue]
  ) {
    self.sampler = sampler
    values = config.values.merging(overrides) { $1 }
    // A pipeline corrects the scheduler it was loaded with even where the file is silent; on conversion
    // to another class the correction goes with the other defaults.
    correctedDefaults =
      isCheckpointsOwn && config.correctsOldFiles ? ["steps_offset": 1, "clip_sample": false] : [:]
  }

  private func value(_ key: String) -> JSONValue? {
    guard let value = values[key] ?? correctedDefaults[key], !value.isNull else { return nil }
    return value
  }

  func bool(_ key: String, _ defaultValue: Bool) throws -> Bool {
    if values[key]?.isNull == true { return false }
    guard let value = value(key) else { return defaultValue }
    guard let flag = value.boolValue else { throw bad(key, "true or false expected") }
    return flag
  }

  func float(_ key: String, _ defaultValue: Double) throws -> Double {
    try optionalFloat(key) ?? defaultValue
  }

  func optionalFloat(_ key: String) throws -> Double? {
    guard let value = value(key) else { return nil }
    // Python's -inf is written as text by some versions.
    let number = value.stringValue.flatMap { Double($0) } ?? value.doubleValue
    guard let number, !number.isNaN else { throw bad(key, "a number expected") }
    return number
  }

  func int(_ key: String, _ defaultValue: Int, in range: ClosedRange<Int>) throws -> Int {
    guard let value = value(key) else { return defaultValue }
    guard let number = value.intValue, range.contains(number) else {
      throw bad(key, "a whole number from \(range.lowerBound) to \(range.upperBound) expected")
    }
    return number
  }

  func ints(_ key: String) throws -> [Int] {
    guard let value = value(key) else { return [] }
    guard let list = value.arrayValue, case let numbers = list.compactMap(\.intValue),
      numbers.count == list.count
    else { throw bad(key, "a list of whole numbers expected") }
    return numbers
  }

  func floats(_ key: String) throws -> [Double]? {
    guard let value = value(key) else { return nil }
    guard let list = value.arrayValue, case let numbers = list.compactMap(\.doubleValue),
      numbers.count == list.count
    else { throw bad(key, "a list of numbers expected") }
    return numbers
  }

  func string(_ key: String, _ defaultValue: String) throws -> String {
    guard let value = value(key) else { return defaultValue }
    guard let text = value.stringValue else { throw bad(key, "text expected") }
    return text
  }

  func choice<T: RawRepresentable & CaseIterable>(
    _ key: String, _ defaultValue: T, named aliases: [String: T] = [:]
  ) throws -> T where T.RawValue == String {
    let text = try string(key, defaultValue.rawValue)
    guard let choice = T(rawValue: text) ?? aliases[text] else {
      let known = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw bad(key, "\"\(text)\" is not one of \(known)")
    }
    return choice
  }

  func bad(_ key: String, _ reason: String) -> SamplerError { .badValue(key: key, reason: reason) }

  func unsupported(_ reason: String) -> SamplerError {
    .unsupported(sampler: sampler, reason: reason)
  }

  /// Refuses flags that change the mathematics in ways that are not implemented.
  func refuse(_ keys: String...) throws {
    for key in keys where try bool(key, false) { throw unsupported("\(key) is not supported") }
  }

  /// What the UNet predicts, out of the kinds that the sampler understands.
  func prediction(_ known: [PredictionType] = PredictionType.allCases) throws -> PredictionType {
    let kind = try choice("prediction_type", PredictionType.epsilon)
    guard known.contains(kind) else {
      throw unsupported("prediction_type \(kind.rawValue) is not supported")
    }
    return kind
  }

  /// The rule for picking timesteps.
  func spacing(_ defaultValue: TimestepSpacing) throws -> TimestepSpacing {
    try choice("timestep_spacing", defaultValue)
  }

  func stepsOffset() throws -> Int { try int("steps_offset", 0, in: -1_000_000...1_000_000) }
}
