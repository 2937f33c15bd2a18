import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// Turns noise into latents, step by step.
struct UNetDenoise: NodeType {
  static let summary = """
    Turns noise into latents, step by step, towards a prompt: text-to-image from an EmptyLatent, \
    image-to-image from any other latent, inpainting from one that InpaintLatent has marked.
    """

  @Input("Denoiser") var unet: UNetRecipe
  @Input("What the picture shows", family: .same(as: "unet")) var positive: ConditioningValue
  @Input(
    "What it does not show; when left out the empty prompt, or zeros where SDXL has them",
    family: .same(as: "unet"))
  var negative: ConditioningValue?
  @Input("What to start from; its shape is the result's") var latent: LatentValue
  @Input("ControlNets and the like, applied together", family: .same(as: "unet"))
  var control: [ControlValue]
  @Input("The noise to start from; drawn from the seed when left out") var noise: NoiseValue?
  @Param("How steps are taken; checkpoint is the checkpoint's own scheduler")
  var sampler = SamplerKind.checkpoint
  @Param("How noise levels are spread over the steps") var schedule = ScheduleKind.default
  @Param("How timesteps are picked from the training schedule")
  var spacing = SpacingKind.default
  @Param("Steps of the whole schedule", min: 1, max: 1_000) var steps = 25
  @Param("Classifier-free guidance; off at 1 and below", min: 0, max: 1_000) var guidance = 7.5
  @Param("How far the guided prediction's spread is brought back", min: 0, max: 1)
  var guidanceRescale = 0.0
  @Param("How much of the schedule runs when starting from a picture", min: 0, max: 1)
  var strength = 1.0
  @Param("Share of fresh noise in ddim's steps", min: 0, max: 1) var eta = 0.0
  @Param("Seed of all noise of the run") var seed: Seed = 0
  @Param(
    "How many tensors of the latent's shape are drawn and thrown away first", min: 0, max: 10_000)
  var skip = 0
  @Param("Approximation: share of the steps before which guidance is off", min: 0, max: 1)
  var guidanceStart = 0.0
  @Param("Approximation: share of the steps after which guidance is off", min: 0, max: 1)
  var guidanceEnd = 1.0
  @Param(
    "Approximation: the whole model runs every so many steps, and only its finest level between",
    min: 1, max: 100)
  var reuse = 1
  @Param(
    "Approximation: share of tokens that the finest self-attentions merge away", min: 0, max: 0.75)
  var tokenMerge = 0.0
  @Output("Latent of the same shape", name: "latent", family: .same(as: "unet"))
  var denoised: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let recipe = $unet.known else { return }
    if let options = knownSamplerOptions, let steps = $steps.known {
      try recipe.checkSampling(options, steps: steps, context)
    }
    if let start = $guidanceStart.known, let end = $guidanceEnd.known, start >= end {
      context.report(
        NodeError(
          "guidance would never be on", port: "guidance_end", expected: "above \(start)",
          got: "\(end)", hint: "guidance: 1 turns it off"))
    }
    guard let content = $latent.known?.content else { return }
    let config = try recipe.config()
    if let error = maskError($latent.known, config) { context.report(error) }
    let known = DenoiseChecks.Known(
      channels: config.outChannels, noise: $noise.known.flatMap { $0 }, strength: $strength.known,
      steps: $steps.known)
    try DenoiseChecks(unet: recipe, content: content).report(known, to: context)
    let run = ControlledRun(
      unet: recipe, latentShape: content.shape, isGuided: try isKnownGuided(recipe))
    for control in $control.known ?? [] { try control.recipe.check(run) }
    try run.checkImagePrompts()
    denoised = .predicted(content.shape)
  }

  /// Whether the model will be asked twice per step; one that is told the guidance never is.
  private func isKnownGuided(_ recipe: UNetRecipe) throws -> Bool {
    let isTold = try recipe.config().timestepCondWidth != nil
    return !isTold && ($guidance.known ?? 0) > 1
  }

  /// What is wrong with the mask channels of a denoiser made for inpainting.
  private func maskError(_ latent: LatentValue?, _ config: UNetConfig) -> NodeError? {
    let wanted = config.inChannels - config.outChannels
    guard wanted != 0, let latent else { return nil }
    guard wanted == config.outChannels + 1 else {
      return NodeError(
        "the denoiser takes \(config.inChannels) channels and gives \(config.outChannels)",
        port: "unet", expected: "as many as it gives, or twice that and one", status: .unavailable)
    }
    guard latent.maskedPicture == nil else { return nil }
    return NodeError(
      "the denoiser was made for inpainting and wants to see the picture and its mask",
      port: "latent", hint: "connect an InpaintLatent with `vae` and `image`")
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let recipe = $unet.known, let shape = $latent.known?.shape else { return nil }
    let batch = shape[0] * ((try? isKnownGuided(recipe)) == true ? 2 : 1)
    return recipe.denoisingMemory(
      [batch] + shape.dropFirst(), resultBytes: 4 * shape.reduce(1, *))
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let run = ControlledRun(
      unet: unet, latentShape: latent.shape, isGuided: try isKnownGuided(unet))
    // Encoders of pictures have done their work before the denoiser takes its memory.
    let imagePrompts = try run.imagePrompts(store: store)
    let model = try store.unet(unet)
    let denoiser = try Denoiser(
      predictor: model, schedulerConfig: try unet.schedulerConfig(), options: options)
    var inputs = try makeInputs(model, run, store: store)
    inputs.imagePrompts = imagePrompts
    let count = denoiser.stepCount(from: inputs.start)
    denoised = LatentValue(
      try context.resuming(of: count) { (saved: DenoiseState?, report) in
        try denoiser.run(inputs, resume: saved) { try report($0.step.index + 1, $0.state) }
      })
  }

  private func makeInputs(
    _ model: UNet2DConditionModel, _ run: ControlledRun, store: ModelStore
  ) throws -> DenoiseInputs {
    let shape = latent.shape
    let checks = DenoiseChecks(unet: unet, content: latent.content)
    var inputs = DenoiseInputs(
      start: checks.start, positive: try checks.condition(positive.prompt, port: "positive"),
      negative: run.isGuided
        ? try checks.condition(negative?.prompt ?? positive.empty, port: "negative") : nil)
    // At full strength nothing of the picture is below the noise.
    if latent.paintMask != nil, strength == 1 { inputs.start = .noise(shape: shape) }
    inputs.noise = noise?.tensor
    if let error = maskError(latent, model.config) { throw error }
    if let mask = latent.paintMask {
      if let masked = latent.maskedPicture, model.config.inChannels > shape[1] {
        inputs.extraChannels = Self.joined(mask, masked.tensor)
      } else {
        inputs.blend = try InpaintBlend(original: latent.tensor, mask: mask)
      }
    }
    if skip > 0 {
      var generator = TorchGenerator(seed: seed.value)
      for _ in 0..<skip { _ = generator.randn(shape) }
      inputs.generator = generator
    }
    inputs.controls = try control.map { try $0.recipe.makeControl(run, store: store) }
    return inputs
  }

  /// What an inpainting model sees beside the latents: the mask, then the picture without that part.
  private static func joined(_ mask: Tensor, _ picture: Tensor) -> Tensor {
    let batch = max(mask.shape[0], picture.shape[0])
    return Tensor.concatenate(
      [mask.repeated(sampleCount: batch), picture.repeated(sampleCount: batch)], axis: 1)
  }

  private var options: DenoiseOptions {
    var options = DenoiseOptions()
    options.steps = steps
    options.guidance = guidance
    options.guidanceRescale = guidanceRescale
    options.strength = strength
    options.seed = seed.value
    options.sampler = samplerOptions(sampler, schedule, spacing, eta)
    options.approximations.guidanceStart = guidanceStart
    options.approximations.guidanceEnd = guidanceEnd
    options.approximations.reuse = reuse
    options.approximations.tokenMerge = tokenMerge
    return options
  }

  private var knownSamplerOptions: SamplerOptions? {
    guard let sampler = $sampler.known, let schedule = $schedule.known,
      let spacing = $spacing.known, let eta = $eta.known
    else { return nil }
    return samplerOptions(sampler, schedule, spacing, eta)
  }

  private func samplerOptions(
    _ sampler: SamplerKind, _ schedule: ScheduleKind, _ spacing: SpacingKind, _ eta: Double
  ) -> SamplerOptions {
    SamplerOptions(
      kind: sampler, schedule: schedule, spacing: spacing, eta: eta)
  }
}

extension UNetRecipe {
  /// The checkpoint's scheduler; Stable Diffusion 1 and 2 have old files corrected, SDXL has not.
  func schedulerConfig() throws -> SchedulerConfig {
    try SchedulerConfig(
      json: base.layout.schedulerConfig, correctsOldFiles: base.layout.family != .sdxl)
  }
}
