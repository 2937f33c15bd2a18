import DiffusionModels
import GraphRuntime
import TensorRuntime

/// The ports that all nodes share which turn noise into latents.
struct DenoisePorts {
  @Input("Denoiser") var unet: UNetRecipe
  @Input("What the picture shows", family: .same(as: "unet")) var positive: ConditioningValue
  @Input var negative: ConditioningValue?
  @Input("Latent to start from; the result has its shape") var latent: LatentValue
  @Input var control: [ControlValue]
  @Input("The noise to start from; drawn from the seed when left out") var noise: NoiseValue?
  @Param var sampler: SamplerKind
  @Param("How noise levels are spread over the steps") var schedule = ScheduleKind.default
  @Param("How timesteps are picked from the training schedule")
  var spacing = SpacingKind.default
  @Param var steps: Int
  @Param var guidance: Double
  @Param(
    "How far the guided prediction gets the prompt's standard deviation: 0 not at all, 1 fully",
    min: 0, max: 1)
  var guidanceRescale = 0.0
  @Param("How much of the schedule runs when starting from a picture", min: 0, max: 1)
  var strength = 1.0
  @Param("Share of fresh noise in ddim's steps", min: 0, max: 1) var eta = 0.0
  @Param("Seed of all noise of the run") var seed: Seed = 0
  @Output("Latent of the same shape", name: "latent", family: .same(as: "unet"))
  var denoised: LatentValue

  /// Declares the ports, with the defaults and meanings in which node types differ.
  init(
    negative: String = "when left out the empty prompt, or zeros where SDXL has them",
    control: String = "ControlNets and the like, applied together",
    sampler: (SamplerKind, String) = (.checkpoint, "checkpoint is the checkpoint's own scheduler"),
    steps: Int = 25,
    guidance: (Double, String) = (7.5, "Classifier-free guidance; off at 1 and below")
  ) {
    _negative = Input("What it does not show; " + negative, family: .same(as: "unet"))
    _control = Input(control, family: .same(as: "unet"))
    _sampler = Param(
      wrappedValue: sampler.0, "How steps are taken; " + sampler.1)
    _steps = Param(wrappedValue: steps, "Steps of the whole schedule", min: 1, max: 1_000)
    _guidance = Param(wrappedValue: guidance.0, guidance.1, min: 0, max: 1_000)
  }

  /// How steps are taken.
  var sampling: SamplerOptions {
    SamplerOptions(
      kind: sampler, schedule: schedule, spacing: spacing, eta: eta)
  }

  /// The numbers of a run.
  var options: DenoiseOptions {
    var options = DenoiseOptions()
    options.steps = steps
    options.guidance = guidance
    options.guidanceRescale = guidanceRescale
    options.strength = strength
    options.seed = seed.value
    options.sampler = sampling
    return options
  }

  /// Noise, or the picture in the latent.
  var start: DenoiseStart {
    if case .numbers(let tensor) = latent.content { return .latent(tensor) }
    return .noise(shape: latent.shape)
  }
}

extension DenoisePorts {
  /// A run of a denoiser on a latent; a model that is told the guidance is asked once per step.
  func run(_ unet: UNetRecipe, _ latentShape: [Int]) throws -> ControlledRun {
    let isTold = try unet.config().timestepCondWidth != nil
    return try ControlledRun(
      unet: unet, latentShape: latentShape, isGuided: guidance > 1 && !isTold)
  }

  /// The tensors of a run, but for its controls.
  ///
  /// A part of the picture that stays is blended in after every step, or shown to a denoiser that
  /// was made for inpainting.
  func inputs(_ run: ControlledRun, _ config: UNetConfig) throws -> DenoiseInputs {
    let negative =
      try run.isGuided ? run.condition(negative?.prompt ?? positive.empty, port: "negative") : nil
    var inputs = DenoiseInputs(
      start: start, positive: try run.condition(positive.prompt, port: "positive"),
      negative: negative)
    inputs.noise = noise?.tensor
    guard let mask = latent.paintMask else { return inputs }
    // At full strength the first latents are pure noise, with nothing of the picture in them.
    if strength == 1 { inputs.start = .noise(shape: latent.shape) }
    if let masked = latent.maskedPicture, config.inChannels > latent.shape[1] {
      inputs.extraChannels = InpaintMask.channels(mask, masked.tensor)
    } else {
      inputs.blend = try InpaintBlend(original: latent.tensor, mask: mask)
    }
    return inputs
  }

  /// Runs a loop from the state that was saved, and saves the state after every step.
  func draw(
    _ denoiser: Denoiser, _ inputs: DenoiseInputs, _ context: NodeContext
  ) throws -> LatentValue {
    let count = denoiser.stepCount(from: inputs.start)
    return LatentValue(
      try context.resuming(of: count) { (saved: DenoiseState?, report) in
        try denoiser.run(inputs, resume: saved) { try report($0.step.index + 1, $0.state) }
      })
  }
}
