import TensorRuntime

/// The numbers of a denoising run.
public struct DenoiseOptions: Sendable, Equatable {
  /// Steps of the whole schedule.
  public var steps = 25
  /// Classifier-free guidance; off at 1 and below.
  public var guidance = 7.5
  /// How far the standard deviation of the guided prediction is moved to that of the prompt's
  /// prediction, 0...1.
  public var guidanceRescale = 0.0
  /// The share of the schedule that runs when a run starts from a picture, 0...1.
  public var strength = 1.0
  /// The seed of all noise of the run.
  public var seed: UInt64 = 0
  /// Sampler, schedule, spacing, eta.
  public var sampler = SamplerOptions()
  /// Options that make the run faster and less exact; none by default.
  public var approximations = Approximations()

  /// Makes options with default values.
  public init() {}
}

/// The start of a run.
public enum DenoiseStart: Sendable {
  /// The run starts from noise of this shape, [B, C, h, w].
  case noise(shape: [Int])
  /// The run starts from a picture's latents, scaled for the UNet, to which the noise of the first
  /// step is added.
  case latent(Tensor)

  var shape: [Int] {
    switch self {
    case .noise(let shape): shape
    case .latent(let latent): latent.shape
    }
  }
}

/// The tensors of a denoising run.
public struct DenoiseInputs: Sendable {
  /// The start of the run.
  public var start: DenoiseStart
  /// The prompt.
  public var positive: PromptEncoding
  /// The negative prompt, which is needed while guidance is on.
  public var negative: PromptEncoding?
  /// The noise to start from; nil draws it from the generator.
  public var noise: Tensor?
  /// The generator to draw from, for a run that continues one; nil starts from the seed.
  public var generator: TorchGenerator?
  /// Image prompts, of the whole guided batch.
  public var imagePrompts: [ImagePrompt] = []
  /// ControlNets and other controls.
  public var controls: [any DenoiseControl] = []
  /// Channels appended to the model's input at every step (mask and masked picture of inpainting models).
  public var extraChannels: Tensor?
  /// Changes the latents after every step.
  public var blend: (any LatentBlend)?

  /// Makes the inputs of a run without adapters.
  ///
  /// Further inputs are set afterwards.
  ///
  /// - Parameters:
  ///   - start: The start of the run.
  ///   - positive: The prompt.
  ///   - negative: The negative prompt.
  public init(start: DenoiseStart, positive: PromptEncoding, negative: PromptEncoding? = nil) {
    self.start = start
    self.positive = positive
    self.negative = negative
  }
}

/// The reason why a run cannot be done.
public enum DenoiseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A number outside its range.
  case badOption(name: String, reason: String)
  /// Guidance without a negative conditioning.
  case negativeMissing
  /// Tensors do not fit each other or the model.
  case shapeMismatch(what: String, expected: String, found: [Int])
  /// The latents contain NaN or infinite values.
  case notFinite(step: Int)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .badOption(let name, let reason): "\(name): \(reason)"
    case .negativeMissing: "guidance above 1 needs a negative conditioning"
    case .shapeMismatch(let what, let expected, let found):
      "\(what): expected \(expected), found \(found)"
    case .notFinite(let step):
      "the latents contain NaN or infinite values after step \(step);"
        + " the sampler, its schedule and the model's prediction type do not fit together"
    }
  }
}
