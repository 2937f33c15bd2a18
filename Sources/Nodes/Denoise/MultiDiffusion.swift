import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// Draws large pictures through overlapping windows, with MultiDiffusion.
struct MultiDiffusion: NodeType {
  static let summary = """
    Draws pictures larger than the denoiser's own size through overlapping windows, and joins at \
    every step what it says about each. Prompts, samplers, controls and masks work as in UNetDenoise; \
    approximations, masks of image prompts and nine-channel denoisers do not.
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
    "Side of the windows in latent pixels, eight picture pixels each; the denoiser's own size when "
      + "left out", min: 1, max: 2_048)
  var window: Int?
  @Param("Latent pixels between windows", min: 1, max: 2_048) var stride = 8
  @Output("Latent of the same shape", name: "latent", family: .same(as: "unet"))
  var denoised: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let recipe = $unet.known else { return }
    try recipe.checkSampling(options.sampler, steps: steps, context)
    let side = try windowSide(recipe)
    if stride > side {
      context.report(
        NodeError(
          "there would be gaps between the windows", port: "stride",
          expected: "at most the window's \(side)", got: String(stride)))
    }
    guard let content = $latent.known?.content else { return }
    let known = DenoiseChecks.Known(
      channels: try recipe.config().inChannels, noise: $noise.known.flatMap { $0 },
      strength: $strength.known, steps: $steps.known)
    try DenoiseChecks(unet: recipe, content: content).report(known, to: context)
    try check($control.known ?? [], try run(recipe, content.shape))
    denoised = .predicted(content.shape)
  }

  private func check(_ controls: [ControlValue], _ run: ControlledRun) throws {
    for control in controls { try control.recipe.check(run) }
    try run.checkImagePromptsOfParts()
  }

  private func run(_ recipe: UNetRecipe, _ shape: [Int]) throws -> ControlledRun {
    let isTold = try recipe.config().timestepCondWidth != nil
    return ControlledRun(
      unet: recipe, latentShape: shape, isGuided: guidance > 1 && !isTold)
  }

  private func windowSide(_ recipe: UNetRecipe) throws -> Int {
    if let window { return window }
    guard let side = try recipe.config().sampleSize?.max() else {
      throw NodeError(
        "the checkpoint does not say which size it draws well", port: "window",
        expected: "a side in latent pixels")
    }
    return side
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let recipe = $unet.known, let shape = $latent.known?.shape,
      let side = try? windowSide(recipe), let run = try? run(recipe, shape)
    else { return nil }
    let batch = shape[0] * (run.isGuided ? 2 : 1)
    return recipe.denoisingMemory(
      [batch, shape[1], min(side, shape[2]), min(side, shape[3])],
      resultBytes: 4 * shape.reduce(1, *))
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let run = try run(unet, latent.shape)
    try check(control, run)
    let imagePrompts = try run.imagePrompts(store: store)
    let predictor = WindowedPredictor(
      try store.unet(unet), height: latent.shape[2], width: latent.shape[3],
      window: try windowSide(unet), stride: stride,
      controls: try control.map {
        try $0.recipe.makePictureControl(run, size: run.pictureSize, store: store)
      })
    let denoiser = try Denoiser(
      predictor: predictor, schedulerConfig: try unet.schedulerConfig(), options: options)
    var inputs = try makeInputs(isGuided: run.isGuided)
    inputs.imagePrompts = imagePrompts
    let count = denoiser.stepCount(from: inputs.start)
    denoised = LatentValue(
      try context.resuming(of: count) { (saved: DenoiseState?, report) in
        try denoiser.run(inputs, resume: saved) { try report($0.step.index + 1, $0.state) }
      })
  }

  private func makeInputs(isGuided: Bool) throws -> DenoiseInputs {
    let shape = latent.shape
    let checks = DenoiseChecks(unet: unet, content: latent.content)
    var inputs = DenoiseInputs(
      start: checks.start, positive: try checks.condition(positive.prompt, port: "positive"),
      negative: isGuided
        ? try checks.condition(negative?.prompt ?? positive.empty, port: "negative") : nil)
    inputs.noise = noise?.tensor
    if let mask = latent.paintMask {
      // At full strength nothing of the picture is below the noise.
      if strength == 1 { inputs.start = .noise(shape: shape) }
      inputs.blend = try InpaintBlend(original: latent.tensor, mask: mask)
    }
    return inputs
  }

  private var options: DenoiseOptions {
    var options = DenoiseOptions()
    options.steps = steps
    options.guidance = guidance
    options.guidanceRescale = guidanceRescale
    options.strength = strength
    options.seed = seed.value
    options.sampler = SamplerOptions(
      kind: sampler, schedule: schedule, spacing: spacing, eta: eta)
    return options
  }
}
