import ResgraphPictures
import TensorRuntime

/// The tensors of an ElasticDiffusion run.
public struct ElasticInputs: Sendable {
  /// The start of the run.
  public var start: DenoiseStart
  /// The prompt.
  public var positive: PromptEncoding
  /// The negative prompt.
  public var negative: PromptEncoding
  /// The noise to start from; nil draws it from the seed.
  public var noise: Tensor?
  /// Image prompts without masks, of the whole guided batch, negative half first.
  public var imagePrompts: [ImagePrompt] = []
  /// ControlNets, with pictures of the reduced size.
  public var controls: [PictureControl] = []

  /// Makes the inputs of a run without adapters.
  ///
  /// Further inputs are set afterwards.
  ///
  /// - Parameters:
  ///   - start: The start of the run.
  ///   - positive: The prompt.
  ///   - negative: The negative prompt.
  public init(start: DenoiseStart, positive: PromptEncoding, negative: PromptEncoding) {
    self.start = start
    self.positive = positive
    self.negative = negative
  }
}

/// The report of an ElasticDiffusion run after each step.
public struct ElasticProgress: Sendable {
  /// The step that was just done.
  public let step: DenoiseStep
  /// The state of the run, from which it can be continued.
  public let state: ElasticState
  /// The estimate of the result.
  public let predictedOriginal: Tensor?
}

/// ElasticDiffusion (Haji-Ali, Balakrishnan and Ordonez, CVPR 2024): pictures of sizes that a model was not trained
/// for, without training.
///
/// The content of the picture comes from latents that are reduced to the model's own size. The
/// details come from windows at full size, which are denoised without a prompt. The numbers are
/// those of the authors' code wherever its reduction gives the wanted size, see `ReducedAxis`.
public struct ElasticDenoiser: Sendable {
  let predictor: any NoisePredictor
  let options: ElasticOptions
  let sampler: DDIMSampler

  /// Prepares a loop.
  ///
  /// - Parameters:
  ///   - predictor: The UNet.
  ///   - schedulerConfig: The checkpoint's scheduler configuration, of which a DDIM sampler is made.
  ///   - options: The numbers of the run.
  /// - Throws: `SamplerError` or `DenoiseError` when an option cannot be met.
  public init(
    predictor: any NoisePredictor, schedulerConfig: SchedulerConfig, options: ElasticOptions
  ) throws {
    try options.check()
    guard predictor.guidanceEmbeddingWidth == nil else {
      throw DenoiseError.badOption(
        name: "unet", reason: "latent-consistency models make no prediction without the prompt")
    }
    let choices = SamplerOptions(kind: .ddim, spacing: options.spacing, eta: options.eta)
    guard var sampler = try makeSampler(choices, config: schedulerConfig) as? DDIMSampler else {
      preconditionFailure("ddim makes a DDIM sampler")
    }
    try sampler.setTimesteps(options.steps)
    self.predictor = predictor
    self.options = options
    self.sampler = sampler
  }

  /// How many steps a start takes.
  ///
  /// - Parameter start: The start of the run.
  /// - Returns: The number of steps that `progress` counts to.
  public func stepCount(from start: DenoiseStart) -> Int { timesteps(from: start).count }

  /// The timesteps of a run.
  ///
  /// A run from a picture with a strength below 1 has only the later ones.
  func timesteps(from start: DenoiseStart) -> [Float] {
    guard case .latent = start else { return sampler.timesteps }
    let kept = min(Int(Double(options.steps) * options.strength), options.steps)
    return Array(sampler.timesteps.suffix(kept))
  }

  /// Runs the loop.
  ///
  /// - Parameters:
  ///   - inputs: The tensors.
  ///   - autoencoder: Draws the background; see `ElasticOptions.background(height:width:)`.
  ///   - resume: A state of an earlier run with the same options and inputs.
  ///   - progress: Called after every step; throwing stops the run there.
  /// - Returns: The final latents, scaled as the UNet has them.
  /// - Throws: `DenoiseError` when inputs do not fit; what a control or `progress` throws.
  public func run(
    _ inputs: ElasticInputs, autoencoder: Autoencoder?, resume: ElasticState? = nil,
    progress: (ElasticProgress) throws -> Void = { _ in }
  ) throws -> Tensor {
    try check(inputs, autoencoder)
    var run = try ElasticRun(self, inputs, autoencoder: autoencoder)
    if run.timesteps.isEmpty {
      guard case .latent(let latent) = inputs.start, options.strength == 0 else {
        throw DenoiseError.badOption(
          name: "strength", reason: "\(options.strength) of \(options.steps) steps is less than one"
        )
      }
      return latent
    }
    if let resume { try run.restore(resume) }
    while run.completed < run.timesteps.count {
      let step = run.step
      let original = try run.advance()
      try progress(
        ElasticProgress(step: step, state: run.state, predictedOriginal: original))
    }
    return run.latents
  }

  private func check(_ inputs: ElasticInputs, _ autoencoder: Autoencoder?) throws {
    let shape = inputs.start.shape
    guard shape.count == 4, shape.allSatisfy({ $0 > 0 }), shape[1] == predictor.inputChannels else {
      throw DenoiseError.shapeMismatch(
        what: "latents", expected: "[B, \(predictor.inputChannels), h, w]", found: shape)
    }
    if let noise = inputs.noise, noise.shape != shape {
      throw DenoiseError.shapeMismatch(what: "noise", expected: "\(shape)", found: noise.shape)
    }
    guard inputs.imagePrompts.allSatisfy(\.masks.isEmpty) else {
      throw DenoiseError.badOption(
        name: "unet",
        reason: "image prompts with masks cannot be used where a picture is denoised in parts")
    }
    if autoencoder == nil, options.background(height: shape[2], width: shape[3]) != nil {
      throw DenoiseError.badOption(
        name: "vae", reason: "pictures of this size are filled up with a background")
    }
    let size = options.reducedPictureSize(shape)
    for control in inputs.controls {
      let picture = control.picture.shape
      guard picture.count == 4, picture[2] == size.height, picture[3] == size.width else {
        throw DenoiseError.shapeMismatch(
          what: "control picture", expected: "\(size.width)x\(size.height)", found: picture)
      }
    }
  }
}
