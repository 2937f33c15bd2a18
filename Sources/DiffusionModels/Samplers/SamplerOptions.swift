/// The choices about sampling in a graph, beside the number of steps.
public struct SamplerOptions: Sendable, Equatable {
  /// Which sampler.
  public var kind: SamplerKind
  /// How noise levels are spread.
  public var schedule: ScheduleKind
  /// How timesteps are picked.
  public var spacing: SpacingKind
  /// DDIM's share of fresh noise, 0...1.
  public var eta: Double

  /// Makes options.
  ///
  /// The defaults are the checkpoint's.
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

/// Makes a sampler by diffusers' `from_config` rule: values that the configuration states count,
/// everything else is the sampler's own default.
///
/// - Parameters:
///   - options: The sampler and its choices.
///   - config: The checkpoint's scheduler configuration.
/// - Returns: A sampler without timesteps yet.
/// - Throws: `SamplerError` when the configuration or a choice does not fit the sampler.
public func makeSampler(
  _ options: SamplerOptions, config: SchedulerConfig
) throws -> any Sampler {
  let description = try SamplerDescription.find(options.kind, config: config)
  let settings = SamplerSettings(
    description, config: config, isCheckpointsOwn: options.kind == .checkpoint,
    overrides: try description.overrides(options), eta: Float(options.eta))
  return try description.make(settings)
}
