/// A sampler that a graph can name.
public struct SamplerKind: RawRepresentable, CaseIterable, Hashable, Sendable {
  /// The word in graphs.
  public let rawValue: String

  /// Names a sampler; for the table of samplers, which lists every name there is.
  init(name: String) { rawValue = name }

  /// Finds the sampler of a word.
  ///
  /// - Parameter rawValue: The word; nil comes back for one that names no sampler.
  public init?(rawValue: String) {
    guard let kind = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = kind
  }

  /// The scheduler that the checkpoint's own configuration names.
  public static let checkpoint = SamplerKind(name: "checkpoint")

  /// Every sampler, the checkpoint's own first.
  public static let allCases = [checkpoint] + SamplerDescription.all.map(\.kind)
}

/// A way to spread noise levels over the steps.
public struct ScheduleKind: RawRepresentable, CaseIterable, Hashable, Sendable {
  /// The word in graphs.
  public let rawValue: String

  /// Names a schedule; for the table of schedules, which lists every name there is.
  init(name: String) { rawValue = name }

  /// Finds the schedule of a word.
  ///
  /// - Parameter rawValue: The word; nil comes back for one that names no schedule.
  public init?(rawValue: String) {
    guard let kind = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = kind
  }

  /// The schedule of the configuration, which usually is the training schedule.
  public static let `default` = ScheduleKind(name: "default")

  /// The schedules that replace the configuration's.
  static let choices = SigmaSchedule.all.filter(\.isChoice).map { ScheduleKind(name: $0.name) }

  /// Every schedule, the configuration's own first.
  public static let allCases = [`default`] + choices
}

/// How timesteps are picked from the training schedule.
public enum SpacingKind: String, Sendable, CaseIterable {
  /// The spacing of the configuration, or the sampler's default.
  case `default`
  /// Equal whole steps from the start, plus the configuration's offset.
  case leading
  /// Evenly from the first to the last.
  case linspace
  /// Equal steps back from the end.
  case trailing
}

/// The quantity that the UNet was trained to predict.
enum PredictionType: String, Sendable, CaseIterable {
  case epsilon
  case sample
  case vPrediction = "v_prediction"
}
