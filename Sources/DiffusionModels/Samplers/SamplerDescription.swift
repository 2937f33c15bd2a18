import ResgraphFiles
import ResgraphWeights

/// One sampler: its names, what can be chosen for it, and how it is made.
///
/// A new sampler is a file that declares its `SamplerKind` and its description, and a line in
/// `all`.
struct SamplerDescription: Sendable {
  /// The name that graphs use.
  let kind: SamplerKind
  /// The classes of diffusers whose configurations mean this sampler.
  var schedulerClasses: [String] = []
  /// The schedules that can be chosen, besides the configuration's own.
  var schedules: [ScheduleKind] = []
  /// Why the spacing of timesteps cannot be chosen; nil where it can.
  var spacingRefusal: String?
  /// Whether a share of fresh noise can be chosen.
  var takesEta = false
  /// What the model may have been trained to predict.
  var predictions = PredictionType.allCases
  /// Configuration values that the name stands for, unless the sampler is the checkpoint's own.
  var impliedValues: [String: JSONValue] = [:]
  /// Makes the sampler, without timesteps yet.
  let make: @Sendable (SamplerSettings) throws -> any Sampler

  /// Every sampler, in the order in which they are listed for people.
  static let all: [SamplerDescription] = [
    .ddim, .pndm, .euler, .eulerAncestral, .heun, .dpmpp2M, .dpmpp2MSDE, .unipc, .ddpm, .lcm,
  ]

  /// The sampler that a graph asks for.
  ///
  /// - Throws: `SamplerError.unknownScheduler` when the checkpoint's own is asked for and unknown.
  static func find(_ kind: SamplerKind, config: SchedulerConfig) throws -> SamplerDescription {
    let found = all.first {
      kind == .checkpoint ? $0.schedulerClasses.contains(config.className) : $0.kind == kind
    }
    guard let found else { throw SamplerError.unknownScheduler(config.className) }
    return found
  }

  /// The configuration values that a graph's choices replace.
  ///
  /// - Throws: `SamplerError.unsupported` for a choice that this sampler does not have.
  func overrides(_ options: SamplerOptions) throws -> [String: JSONValue] {
    func unsupported(_ reason: String) -> SamplerError {
      .unsupported(sampler: kind.rawValue, reason: reason)
    }
    var values = options.kind == .checkpoint ? [:] : impliedValues
    if options.spacing != .default {
      if let spacingRefusal { throw unsupported(spacingRefusal) }
      values["timestep_spacing"] = .string(options.spacing.rawValue)
    }
    if options.schedule != .default {
      guard schedules.contains(options.schedule) else {
        throw unsupported("it has no \(options.schedule.rawValue) schedule")
      }
      for schedule in SigmaSchedule.all {
        values[schedule.flag] = .bool(schedule.name == options.schedule.rawValue)
      }
    }
    if options.eta != 0, !takesEta {
      throw unsupported("it draws no noise that eta could scale, as ddim does")
    }
    guard (0...1).contains(options.eta) else { throw unsupported("eta must lie in 0...1") }
    return values
  }
}
