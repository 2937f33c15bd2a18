import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// Draws at sizes that a denoiser was not trained for, with ElasticDiffusion.
struct ElasticDiffusion: NodeType {
  static let summary = """
    Draws at sizes that the denoiser was not trained for: what is shown is decided at its own size, \
    details are drawn in windows at full size. A ResAdapter on the denoiser allows a larger \
    `native`, and so fewer windows.
    """

  @Input("Denoiser") var unet: UNetRecipe
  @Input("What the picture shows", family: .same(as: "unet")) var positive: ConditioningValue
  @Input("What it does not show; the empty prompt when left out", family: .same(as: "unet"))
  var negative: ConditioningValue?
  @Input("What to start from; its shape is the result's") var latent: LatentValue
  @Input(
    "ControlNets, with pictures of the result's or of the reduced size", family: .same(as: "unet"))
  var control: [ControlValue]
  @Input("The noise to start from; drawn from the seed when left out") var noise: NoiseValue?
  @Input(
    "Autoencoder that draws the background around what is smaller than the denoiser's own size; "
      + "the checkpoint's when left out", family: .same(as: "unet"))
  var vae: VAERecipe?
  @Param("How steps are taken; the method is defined for ddim alone")
  var sampler = SamplerKind.ddim
  @Param("How noise levels are spread over the steps; ddim has the default alone")
  var schedule = ScheduleKind.default
  @Param("How timesteps are picked from the training schedule")
  var spacing = SpacingKind.default
  @Param("Steps of the whole schedule", min: 1, max: 1_000) var steps = 50
  @Param("How strongly the prompt pulls", min: 0, max: 1_000) var guidance = 10.0
  @Param("How far the guided prediction's spread is brought back", min: 0, max: 1)
  var guidanceRescale = 0.0
  @Param("How much of the schedule runs when starting from a picture", min: 0, max: 1)
  var strength = 1.0
  @Param("Share of fresh noise in the steps", min: 0, max: 1) var eta = 0.0
  @Param("Seed of all random numbers of the run") var seed: Seed = 0
  @Param(
    "How often per step the prompt's direction is estimated again from other pixels; above 0 every "
      + "step is also taken twice. 0 at the denoiser's own size", min: 0, max: 1_000)
  var resamplingSteps = 7
  @Param("Share of the pixels that are other ones in each estimate", min: 0, max: 1)
  var newP = 0.3
  @Param(
    "How strongly the result is pulled towards the reduced picture: 1000 to 2000 for pictures of a "
      + "megapixel or more, less for smaller ones, 0 at the denoiser's own size", min: 0,
    max: 1_000_000)
  var rrgScale = 1_000.0
  @Param("Last share of the steps, which is not pulled", min: 0, max: 1) var rrgStop = 0.2
  @Param("How the pull fades over the steps that have it")
  var rrgSchedule = PullSchedule.cosine
  @Param("How fast the pull fades along a cosine", min: 0, max: 1_000) var cosineScale = 10.0
  @Param(
    "Side of the windows in latent pixels, eight picture pixels each; half of the native side when "
      + "left out", min: 1, max: 2_048)
  var patch: Int?
  @Param(
    "Side in pixels that the denoiser draws well; the checkpoint's own when left out, more with a "
      + "ResAdapter", min: 64, max: 16_384, multipleOf: 8)
  var native: Int?
  @Param("Windows computed together", min: 1, max: 64) var viewBatch = 1
  @Output("Latent of the same shape", name: "latent", family: .same(as: "unet"))
  var denoised: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let recipe = $unet.known else { return }
    if sampler != .ddim {
      context.report(
        NodeError(
          "ElasticDiffusion undoes steps, which only ddim's can be", port: "sampler",
          expected: "ddim", got: sampler.rawValue))
    }
    try checkDenoiser(recipe)
    let options = try options(recipe)
    let sampling = SamplerOptions(
      kind: .ddim, schedule: schedule, spacing: spacing, eta: eta)
    try recipe.checkSampling(sampling, steps: steps, context)
    if let patch, patch > options.nativeSide {
      context.report(
        NodeError(
          "a window cannot be larger than what the denoiser draws well", port: "patch",
          expected: "at most \(options.nativeSide)", got: String(patch),
          hint: "raise native, which is in pixels"))
    }
    guard let content = $latent.known?.content else { return }
    let checks = DenoiseChecks(unet: recipe, content: content)
    let known = DenoiseChecks.Known(
      channels: try recipe.config().inChannels, noise: $noise.known.flatMap { $0 },
      strength: $strength.known, steps: $steps.known)
    try checks.report(known, to: context)
    if let latent = $latent.known { try checks.requireWholePicture(latent) }
    try check($control.known ?? [], run(recipe, content.shape), options)
    if let given = $vae.known {
      try checkBackground(given ?? recipe.ownVAE, recipe, options, content.shape)
    }
    denoised = .predicted(content.shape)
  }

  /// Refuses a denoiser that is told how strong guidance is: there is no telling the prompt's part of its answer.
  private func checkDenoiser(_ recipe: UNetRecipe) throws {
    guard try recipe.config().timestepCondWidth != nil else { return }
    throw NodeError(
      "a latent-consistency denoiser cannot be asked with and without the prompt", port: "unet",
      expected: "a denoiser without time_cond_proj_dim", got: recipe.base.path,
      hint: "UNetDenoise and MultiDiffusion take it; an LCM-LoRA works here too")
  }

  /// Checks that the autoencoder, where one is needed, draws backgrounds for the denoiser.
  private func checkBackground(
    _ vae: VAERecipe, _ recipe: UNetRecipe, _ options: ElasticOptions, _ shape: [Int]
  ) throws {
    guard options.background(height: shape[2], width: shape[3]) != nil else { return }
    let config: AutoencoderConfig
    do {
      config = try vae.config()
    } catch {
      throw NodeError(
        "pictures of this size are filled up with a background: \(error)", port: "vae",
        hint: "connect a VAELoad")
    }
    let channels = try recipe.config().inChannels
    guard config.latentChannels == channels, config.downscale == 8 else {
      throw NodeError(
        "the autoencoder is for another denoiser", port: "vae",
        expected: "latents of \(channels) channels, an eighth as large as the picture",
        got: "\(config.latentChannels) channels, 1/\(config.downscale), in \(vae.origin.path)")
    }
  }

  private func check(
    _ controls: [ControlValue], _ run: ControlledRun, _ options: ElasticOptions
  ) throws {
    for control in controls {
      try control.recipe.check(run, pictures: pictureSizes(options, run.latentShape))
      guard !control.recipe.seesPromptOnly else {
        throw NodeError(
          "details are drawn without a prompt, so they cannot be guided by a guess",
          port: "control", expected: "a ControlNet without guess")
      }
    }
    try run.checkImagePromptsOfParts()
  }

  private func run(_ recipe: UNetRecipe, _ shape: [Int]) -> ControlledRun {
    ControlledRun(unet: recipe, latentShape: shape, isGuided: true)
  }

  /// Sizes that control pictures may have: the result's, and the reduced one.
  private func pictureSizes(_ options: ElasticOptions, _ shape: [Int]) -> [PixelSize] {
    let reduced = options.reducedSize(height: shape[2], width: shape[3])
    return [
      PixelSize(width: shape[3] * 8, height: shape[2] * 8),
      PixelSize(width: reduced.width * 8, height: reduced.height * 8),
    ]
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let recipe = $unet.known, let shape = $latent.known?.shape,
      let options = try? options(recipe)
    else { return nil }
    let batch = shape[0] * max(2, viewBatch)
    let side = options.nativeSide
    var other = (weights: 0, featureMaps: 0)
    if let strip = options.background(height: shape[2], width: shape[3]) {
      guard let vae = $vae.known.map({ $0 ?? recipe.ownVAE }), let config = try? vae.config(),
        let source = try? vae.source()
      else { return nil }
      let pixels = strip.height * strip.width * config.downscale * config.downscale
      other = (source.packedByteCount, config.encodingBytes(pixels: pixels))
    }
    return recipe.denoisingMemory(
      [batch, shape[1], side, side], resultBytes: 4 * shape.reduce(1, *), beside: other)
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let run = run(unet, latent.shape)
    let imagePrompts = try run.imagePrompts(store: store)
    let denoiser = try ElasticDenoiser(
      predictor: try store.unet(unet), schedulerConfig: try unet.schedulerConfig(),
      options: try options(unet))
    var inputs = try makeInputs(run, store: store)
    inputs.imagePrompts = imagePrompts
    var autoencoder: Autoencoder?
    if try options(unet).background(height: latent.shape[2], width: latent.shape[3]) != nil {
      autoencoder = try store.vae(vae ?? unet.ownVAE)
    }
    let count = denoiser.stepCount(from: inputs.start)
    denoised = LatentValue(
      try context.resuming(of: count) { (saved: ElasticState?, report) in
        try denoiser.run(inputs, autoencoder: autoencoder, resume: saved) {
          try report($0.step.index + 1, $0.state)
        }
      })
  }

  private func makeInputs(_ run: ControlledRun, store: ModelStore) throws -> ElasticInputs {
    let options = try options(unet)
    let shape = latent.shape
    let checks = DenoiseChecks(unet: unet, content: latent.content)
    try checks.requireWholePicture(latent)
    let size = [Float(4 * 8 * shape[2]), Float(4 * 8 * shape[3])]
    // The method's own size conditions: four times the result, uncropped, on both sides of guidance.
    let sizes = size + [0, 0] + size
    var inputs = ElasticInputs(
      start: checks.start,
      positive: try checks.condition(positive.prompt, sizes: sizes, port: "positive"),
      negative: try checks.condition(
        negative?.prompt ?? positive.emptyPrompt, sizes: sizes, port: "negative"))
    inputs.noise = noise?.tensor
    try check(control, run, options)
    let reduced = pictureSizes(options, shape)[1]
    inputs.controls = try control.map {
      try $0.recipe.makePictureControl(run, size: reduced, store: store)
    }
    return inputs
  }

  private func options(_ recipe: UNetRecipe) throws -> ElasticOptions {
    let own = try recipe.config().sampleSize?.max()
    guard let side = native.map({ $0 / 8 }) ?? own else {
      throw NodeError(
        "the checkpoint does not say which size it draws well", port: "native",
        expected: "a side in pixels")
    }
    var options = ElasticOptions(nativeSide: side)
    options.steps = steps
    options.guidance = guidance
    options.guidanceRescale = guidanceRescale
    options.strength = strength
    options.eta = eta
    options.seed = seed.value
    options.spacing = spacing
    options.resamplingSteps = resamplingSteps
    options.newShare = newP
    options.reducedGuidance = rrgScale
    options.reducedGuidanceStop = rrgStop
    options.pullSchedule = rrgSchedule
    options.cosineScale = cosineScale
    options.window = patch
    options.viewBatch = viewBatch
    return options
  }
}
