import ResgraphFiles
import ResgraphWeights

/// The values that a checkpoint's `scheduler_config.json` states, without any defaults.
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
