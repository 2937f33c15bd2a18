import ResgraphFiles
import ResgraphWeights

/// What a graph can choose about sampling, beside the number of steps.
public struct SamplerOptions: Sendable, Equatable {
  /// Which sampler.
  public var kind: SamplerKind
  /// How noise levels are spread.
  public var schedule: ScheduleKind
  /// How timesteps are picked.
  public var spacing: SpacingKind
  /// DDIM's share of fresh noise, 0...1.
  public var eta: Double

  /// Gathers the choices; the defaults are the checkpoint's own.
  ///
  /// - Parameters:
  ///   - kind: Which sampler.
  ///   - schedule: How noise levels are spread.
  ///   - spacing: How timesteps are picked.
  ///   - eta: DDIM's share of fresh noise.
  public init(
    kind: SamplerKind = .checkpoint, schedule: ScheduleKind = .default,
    spacing: SpacingKind = .default, eta: Double = 0
  ) {
    self.kind = kind
    self.schedule = schedule
    self.spacing = spacing
    self.eta = eta
  }
}

/// Makes a sampler by diffusers' `from_config` rule: values that the configuration states count, everything
/// else is the sampler's own default.
///
/// - Parameters:
///   - options: The sampler and its choices.
///   - config: The checkpoint's scheduler configuration.
/// - Returns: A sampler without timesteps yet.
/// - Throws: `SamplerError` when the configuration or a choice does not fit the sampler.
public func makeSampler(
  _ options: SamplerOptions, config: SchedulerConfig
) throws -> any Sampler {
  let isOwn = options.kind == .checkpoint
  let kind = isOwn ? try checkpointKind(config) : options.kind
  let settings = SamplerSettings(
    sampler: kind.rawValue, config: config, isCheckpointsOwn: isOwn,
    overrides: try overrides(options, kind: kind, isOwn: isOwn))
  if options.eta != 0, kind != .ddim {
    throw settings.unsupported("eta is ddim's option; this sampler has none")
  }
  guard (0...1).contains(options.eta) else { throw settings.unsupported("eta must lie in 0...1") }
  switch kind {
  case .checkpoint: throw SamplerError.unknownScheduler(config.className)
  case .ddim: return try DDIMSampler(settings, eta: Float(options.eta))
  case .pndm: return try PNDMSampler(settings)
  case .euler: return try EulerSampler(settings)
  case .eulerAncestral: return try EulerAncestralSampler(settings)
  case .heun: return try HeunSampler(settings)
  case .dpmpp2M, .dpmpp2MSDE: return try DPMSolverSampler(settings)
  case .unipc: return try UniPCSampler(settings)
  case .ddpm: return try DDPMSampler(settings)
  case .lcm: return try LCMSampler(settings)
  }
}

private let schedulerClasses: [String: SamplerKind] = [
  "DDIMScheduler": .ddim, "PNDMScheduler": .pndm, "EulerDiscreteScheduler": .euler,
  "EulerAncestralDiscreteScheduler": .eulerAncestral, "HeunDiscreteScheduler": .heun,
  "DPMSolverMultistepScheduler": .dpmpp2M, "UniPCMultistepScheduler": .unipc,
  "DDPMScheduler": .ddpm, "LCMScheduler": .lcm,
]

private func checkpointKind(_ config: SchedulerConfig) throws -> SamplerKind {
  guard let kind = schedulerClasses[config.className] else {
    throw SamplerError.unknownScheduler(config.className)
  }
  return kind
}

/// The configuration values that the choices replace.
private func overrides(
  _ options: SamplerOptions, kind: SamplerKind, isOwn: Bool
) throws -> [String: JSONValue] {
  var values: [String: JSONValue] = [:]
  if options.spacing != .default {
    guard kind != .lcm else {
      throw SamplerError.unsupported(
        sampler: "lcm", reason: "its timesteps come from the distillation, spacing has no effect")
    }
    values["timestep_spacing"] = .string(options.spacing.rawValue)
  }
  if options.schedule != .default {
    guard [.euler, .heun, .dpmpp2M, .dpmpp2MSDE, .unipc].contains(kind) else {
      throw SamplerError.unsupported(
        sampler: kind.rawValue, reason: "it has no \(options.schedule.rawValue) schedule")
    }
    for name in [ScheduleKind.karras, .exponential, .beta] {
      values["use_\(name.rawValue)_sigmas"] = .bool(name == options.schedule)
    }
    values["use_lu_lambdas"] = false
  }
  if !isOwn {
    if kind == .dpmpp2M { values["algorithm_type"] = "dpmsolver++" }
    if kind == .dpmpp2MSDE { values["algorithm_type"] = "sde-dpmsolver++" }
  }
  return values
}
