import TensorRuntime

/// The numbers of a denoising run.
public struct DenoiseOptions: Sendable, Equatable {
  /// Steps of the whole schedule.
  public var steps = 25
  /// Classifier-free guidance; off at 1 and below.
  public var guidance = 7.5
  /// How far the guided prediction's spread is brought back to the text's (0 not at all, 1 wholly).
  public var guidanceRescale = 0.0
  /// How much of the schedule runs when a run starts from a picture, 0...1.
  public var strength = 1.0
  /// Where all noise of the run comes from.
  public var seed: UInt64 = 0
  /// Sampler, schedule, spacing, eta.
  public var sampler = SamplerOptions()
  /// Ways to spend less time at the price of other numbers; none unless asked for.
  public var approximations = Approximations()

  /// The defaults; set what differs.
  public init() {}
}

/// An encoded prompt.
public struct PromptCondition: Sendable {
  /// Text tokens, [1 or B, L, D].
  public var embeddings: Tensor
  /// Pooled text, [1 or B, P], for SDXL.
  public var pooled: Tensor?
  /// Size conditions, [1 or B, 6], for SDXL.
  public var timeIDs: Tensor?

  /// Gathers what an encoder gave.
  ///
  /// - Parameters:
  ///   - embeddings: Text tokens.
  ///   - pooled: Pooled text.
  ///   - timeIDs: Size conditions.
  public init(embeddings: Tensor, pooled: Tensor? = nil, timeIDs: Tensor? = nil) {
    self.embeddings = embeddings
    self.pooled = pooled
    self.timeIDs = timeIDs
  }
}

/// What a run starts from.
public enum DenoiseStart: Sendable {
  /// Nothing but noise of this shape, [B, C, h, w].
  case noise(shape: [Int])
  /// A picture's latents, scaled as the UNet expects, to which the noise of the first step is added.
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
  /// What the run starts from.
  public var start: DenoiseStart
  /// The prompt.
  public var positive: PromptCondition
  /// What to stay away from; needed while guidance is on.
  public var negative: PromptCondition?
  /// The noise to start from; nil draws it from the generator.
  public var noise: Tensor?
  /// The generator to draw from, for a run that continues one; nil starts from the seed.
  public var generator: TorchGenerator?
  /// Image prompts, of the whole guided batch.
  public var imagePrompts: [ImagePrompt] = []
  /// ControlNets and the like.
  public var controls: [any DenoiseControl] = []
  /// Channels appended to the model's input at every step (mask and masked picture of inpainting models).
  public var extraChannels: Tensor?
  /// Changes the latents after every step.
  public var blend: (any LatentBlend)?

  /// Makes the inputs of a plain run; the rest is set as needed.
  ///
  /// - Parameters:
  ///   - start: What the run starts from.
  ///   - positive: The prompt.
  ///   - negative: What to stay away from.
  public init(start: DenoiseStart, positive: PromptCondition, negative: PromptCondition? = nil) {
    self.start = start
    self.positive = positive
    self.negative = negative
  }
}

/// What a run cannot do.
public enum DenoiseError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A number outside its range.
  case badOption(name: String, reason: String)
  /// Guidance without a negative conditioning.
  case negativeMissing
  /// Tensors that do not fit each other or the model.
  case shapeMismatch(what: String, expected: String, found: [Int])
  /// The latents stopped being numbers.
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
