import TensorRuntime

/// The report of a run after each step.
public struct DenoiseProgress: Sendable {
  /// The step that was just done.
  public let step: DenoiseStep
  /// The state of the run, from which it can be continued.
  public let state: DenoiseState
  /// The sampler's estimate of the result; nil for samplers without one.
  public let predictedOriginal: Tensor?
}

/// The denoising loop of Stable Diffusion: from text, and perhaps a picture, to latents.
///
/// Steps, guidance, noise and the order in which random numbers are drawn are those of diffusers' text-to-image
/// and image-to-image pipelines.
public struct Denoiser: Sendable {
  private let predictor: any NoisePredictor
  private let options: DenoiseOptions
  private let sampler: any Sampler

  /// Prepares a loop.
  ///
  /// - Parameters:
  ///   - predictor: The UNet.
  ///   - schedulerConfig: The checkpoint's scheduler configuration.
  ///   - options: The numbers of the run.
  /// - Throws: `SamplerError` or `DenoiseError` when an option cannot be met.
  public init(
    predictor: any NoisePredictor, schedulerConfig: SchedulerConfig, options: DenoiseOptions
  ) throws {
    try Self.check(options)
    self.predictor = predictor
    self.options = options
    var sampler = try makeSampler(options.sampler, config: schedulerConfig)
    try sampler.setTimesteps(options.steps)
    self.sampler = sampler
  }

  private static func check(_ options: DenoiseOptions) throws {
    guard (0...1).contains(options.strength) else {
      throw DenoiseError.badOption(name: "strength", reason: "must lie in 0...1")
    }
    guard options.guidance.isFinite else {
      throw DenoiseError.badOption(name: "guidance", reason: "must be a number")
    }
    guard (0...1).contains(options.guidanceRescale) else {
      throw DenoiseError.badOption(name: "guidance_rescale", reason: "must lie in 0...1")
    }
    try options.approximations.check()
  }

  /// Whether the model runs with and without the prompt at each step.
  public var isGuided: Bool {
    options.guidance > 1 && predictor.guidanceEmbeddingWidth == nil
  }

  /// How often the model is called for a start.
  ///
  /// - Parameter start: The start of the run.
  /// - Returns: The number of steps that `progress` counts to.
  public func stepCount(from start: DenoiseStart) -> Int {
    sampler.timesteps.count - firstEntry(start)
  }

  /// The entry of the schedule at which a run begins.
  ///
  /// It is a later one if a run starts from a picture with a strength below 1.
  private func firstEntry(_ start: DenoiseStart) -> Int {
    guard case .latent = start else { return 0 }
    let kept = min(Int(Double(options.steps) * options.strength), options.steps)
    return min((options.steps - kept) * sampler.order, sampler.timesteps.count)
  }

  /// Runs the loop.
  ///
  /// - Parameters:
  ///   - inputs: The tensors.
  ///   - resume: A state of an earlier run with the same options and inputs.
  ///   - progress: Called after every step; throwing stops the run there.
  /// - Returns: The final latents, scaled as the UNet has them.
  /// - Throws: `DenoiseError` when inputs do not fit; what a control, a blend or `progress` throws.
  public func run(
    _ inputs: DenoiseInputs, resume: DenoiseState? = nil,
    progress: (DenoiseProgress) throws -> Void = { _ in }
  ) throws -> Tensor {
    var run = try begin(inputs)
    if run.timesteps.isEmpty {
      guard case .latent(let latent) = inputs.start, options.strength == 0 else {
        throw DenoiseError.badOption(
          name: "strength", reason: "\(options.strength) of \(options.steps) steps is less than one"
        )
      }
      return latent
    }
    if let resume { try run.restore(resume) }
    var unprepared = try conditions(inputs)
    unprepared.run.timesteps = run.timesteps
    try predictor.check(unprepared)
    let conditions = predictor.prepared(unprepared)
    while run.completed < run.timesteps.count {
      let original = try advance(&run, inputs, conditions)
      try progress(
        DenoiseProgress(
          step: run.step(run.completed - 1), state: run.resumable ?? run.state,
          predictedOriginal: original))
    }
    return run.latents
  }

  /// The values that change from step to step.
  private struct Run {
    let timesteps: [Float]
    let noise: Tensor
    var latents: Tensor
    var sampler: any Sampler
    var generator: TorchGenerator
    var completed = 0
    /// The state after the last step from which the run can be continued.
    var resumable: DenoiseState?
    let deepFeatures = DeepFeatures()

    func step(_ index: Int) -> DenoiseStep {
      DenoiseStep(
        index: index, count: timesteps.count, timestep: timesteps[index],
        nextTimestep: index + 1 < timesteps.count ? timesteps[index + 1] : nil)
    }

    var state: DenoiseState {
      DenoiseState(
        completed: completed, latents: latents, generator: generator, sampler: sampler.state,
        timesteps: timesteps)
    }

    mutating func restore(_ state: DenoiseState) throws {
      guard state.timesteps == timesteps, state.latents.shape == latents.shape else {
        throw SavedStateError("it belongs to a run with another schedule or size")
      }
      try sampler.restore(state.sampler)
      latents = state.latents
      generator = state.generator
      completed = state.completed
      resumable = state
    }
  }

  /// Draws or takes the noise and makes the first latents from it.
  private func begin(_ inputs: DenoiseInputs) throws -> Run {
    let shape = inputs.start.shape
    try checkShapes(inputs, shape)
    var generator = inputs.generator ?? TorchGenerator(seed: options.seed)
    let noise = inputs.noise ?? generator.randn(shape)
    var sampler = sampler
    let first = firstEntry(inputs.start)
    let timesteps = Array(sampler.timesteps[first...])
    var latents = noise
    switch inputs.start {
    case .noise: latents = noise * sampler.initNoiseSigma
    case .latent(let latent):
      sampler.setBeginIndex(first)
      if let timestep = timesteps.first {
        latents = sampler.addNoise(latent, noise: noise, timestep: timestep)
      }
    }
    var run = Run(
      timesteps: timesteps, noise: noise, latents: latents, sampler: sampler, generator: generator)
    run.resumable = run.state
    return run
  }

  /// One model call and one sampler step.
  private func advance(
    _ run: inout Run, _ inputs: DenoiseInputs, _ prepared: UNetConditions
  ) throws -> Tensor? {
    let step = run.step(run.completed)
    var sample = run.sampler.scaleModelInput(run.latents, timestep: step.timestep)
    var conditions = prepared
    conditions.run.step = step
    for control in inputs.controls {
      try control.apply(to: &conditions, sample: sample, step: step)
    }
    // Controls are made for ordinary models, and take no mask channels.
    if let extra = inputs.extraChannels {
      let channels = extra.repeated(toBatch: sample.shape[0])
      sample = Tensor.concatenate([sample, channels], axis: 1)
    }
    let guides = isGuided && options.approximations.guides(step)
    if isGuided && !guides {
      conditions = conditions.samples(conditions.batch / 2..<conditions.batch)
    }
    approximate(&conditions, step, run.deepFeatures)
    var prediction = try predictor(sample, timestep: step.timestep, conditions: conditions)
    if guides {
      prediction = Guidance(
        scale: Float(options.guidance), rescale: Float(options.guidanceRescale))(prediction)
    }
    let result = run.sampler.step(
      modelOutput: prediction, timestep: step.timestep, sample: run.latents,
      generator: &run.generator)
    run.latents = result.previous
    if let blend = inputs.blend {
      run.latents = try blend(
        run.latents, BlendContext(step: step, noise: run.noise, sampler: run.sampler))
    }
    if run.latents.hasNonFinite { throw DenoiseError.notFinite(step: step.index + 1) }
    run.completed += 1
    let isLast = run.completed == run.timesteps.count
    if isLast || options.approximations.isWhole(run.step(run.completed), isGuided: isGuided) {
      run.resumable = run.state
    }
    return result.predictedOriginal
  }

  private func approximate(
    _ conditions: inout UNetConditions, _ step: DenoiseStep, _ features: DeepFeatures
  ) {
    conditions.approximation.tokenMerge = options.approximations.tokenMerge
    guard options.approximations.reuse > 1 else { return }
    let isWhole = options.approximations.isWhole(step, isGuided: isGuided)
    conditions.approximation.deepFeatures = isWhole ? .keep(features) : .take(features)
  }
}

// MARK: - Conditions

extension Denoiser {
  private func checkShapes(_ inputs: DenoiseInputs, _ shape: [Int]) throws {
    guard shape.count == 4, shape.allSatisfy({ $0 > 0 }) else {
      throw DenoiseError.shapeMismatch(what: "latents", expected: "[B, C, h, w]", found: shape)
    }
    let extra = inputs.extraChannels
    let channels = shape[1] + (extra?.shape[1] ?? 0)
    guard channels == predictor.inputChannels else {
      throw DenoiseError.shapeMismatch(
        what: "latents", expected: "\(predictor.inputChannels) channels for this UNet",
        found: shape)
    }
    if let extra {
      guard extra.rank == 4, [1, shape[0]].contains(extra.shape[0]),
        extra.shape.suffix(2) == shape.suffix(2)
      else {
        throw DenoiseError.shapeMismatch(
          what: "mask channels", expected: "the size of latents \(shape)", found: extra.shape)
      }
    }
    if let noise = inputs.noise, noise.shape != shape {
      throw DenoiseError.shapeMismatch(what: "noise", expected: "\(shape)", found: noise.shape)
    }
  }

  /// The UNet's conditions for the whole batch, negative half first.
  private func conditions(_ inputs: DenoiseInputs) throws -> UNetConditions {
    let batch = inputs.start.shape[0]
    var halves = [inputs.positive]
    if isGuided {
      guard let negative = inputs.negative else { throw DenoiseError.negativeMissing }
      halves.insert(negative, at: 0)
    }
    var conditions = try UNetConditions(joining: halves, batch: batch)
    conditions.imagePrompts = inputs.imagePrompts
    if let width = predictor.guidanceEmbeddingWidth {
      conditions.timestepCond = Guidance.embedding(
        scale: options.guidance, width: width, batch: batch)
    }
    return conditions
  }
}
