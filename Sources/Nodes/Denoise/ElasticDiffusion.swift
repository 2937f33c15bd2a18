import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// Draws at sizes that a denoiser was not trained for, with ElasticDiffusion.
struct ElasticDiffusion: GroupedPorts {
  static let summary = """
    Draws at sizes that the denoiser was not trained for. The content is decided at the denoiser's \
    own size, and details are drawn in windows at full size. A ResAdapter on the denoiser allows a larger \
    `native`, and so fewer windows.
    """

  @PortGroup var ports = DenoisePorts(
    negative: "the empty prompt when left out",
    control: "ControlNets, with pictures of the result's or of the reduced size",
    sampler: (.ddim, "the method is defined for ddim alone"), steps: 50,
    guidance: (10, "Strength of the prompt: classifier-free guidance"))
  @Input(
    "Autoencoder that draws the background around what is smaller than the denoiser's own size; "
      + "the checkpoint's when left out", family: .same(as: "unet"))
  var vae: VAERecipe?
  @Param(
    "How often per step the prompt's direction is estimated again from other pixels; above 0 every "
      + "step is also done twice. 0 at the denoiser's own size", min: 0, max: 1_000)
  var resamplingSteps = 7
  @Param("Share of the pixels that each further estimate takes from other places", min: 0, max: 1)
  var newP = 0.3
  @Param(
    "How strongly the result is pulled towards the reduced picture: 1000 to 2000 for pictures of a "
      + "megapixel or more, less for smaller ones, 0 at the denoiser's own size", min: 0,
    max: 1_000_000)
  var rrgScale = 1_000.0
  @Param("Share of the steps at the end that are not pulled", min: 0, max: 1) var rrgStop = 0.2
  @Param("How the pull fades over the steps")
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

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let unet = ports.$unet.known else { return }
    if ports.sampler != .ddim {
      context.report(
        NodeError(
          "ElasticDiffusion undoes steps, which is only possible with ddim", port: "sampler",
          expected: "ddim", got: ports.sampler.rawValue))
    }
    try checkDenoiser(unet)
    let options = try options(unet)
    try ports.checkSampling(unet, context)
    if let patch, patch > options.nativeSide {
      context.report(
        NodeError(
          "a window cannot be larger than what the denoiser draws well", port: "patch",
          expected: "at most \(options.nativeSide)", got: String(patch),
          hint: "raise native, which is in pixels"))
    }
    guard let latent = ports.$latent.known else { return }
    let run = try run(unet, latent.shape)
    ports.checkLatent(run, channels: try unet.config().inChannels, context)
    try check(latent)
    try check(ports.$control.known ?? [], run, options)
    if let given = $vae.known { try checkBackground(given ?? unet.ownVAE, run, options) }
    ports.denoised = .predicted(latent.shape)
  }

  /// A run that always asks with and without the prompt.
  private func run(_ unet: UNetRecipe, _ shape: [Int]) throws -> ControlledRun {
    try ControlledRun(unet: unet, latentShape: shape, isGuided: true)
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let unet = ports.$unet.known, let shape = ports.$latent.known?.shape,
      let options = try? options(unet)
    else { return nil }
    let side = options.nativeSide
    var other = (weights: 0, featureMaps: 0)
    if let strip = options.background(height: shape[2], width: shape[3]) {
      guard let vae = $vae.known.map({ $0 ?? unet.ownVAE }), let config = try? vae.config(),
        let source = try? vae.source()
      else { return nil }
      let pixels = strip.height * strip.width * config.downscale * config.downscale
      other = (source.packedByteCount, config.encodingBytes(pixels: pixels))
    }
    return unet.denoisingMemory(
      [shape[0] * max(2, viewBatch), shape[1], side, side], resultBytes: 4 * shape.reduce(1, *),
      beside: other)
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let (unet, shape) = (ports.unet, ports.latent.shape)
    let run = try run(unet, shape)
    let imagePrompts = try run.imagePrompts(store: store)
    let options = try options(unet)
    let denoiser = try ElasticDenoiser(
      predictor: try store.unet(unet), schedulerConfig: try unet.base.schedulerConfig(),
      options: options)
    var inputs = try makeInputs(run, options, store: store)
    inputs.imagePrompts = imagePrompts
    var autoencoder: Autoencoder?
    if options.background(height: shape[2], width: shape[3]) != nil {
      autoencoder = try store.vae(vae ?? unet.ownVAE)
    }
    ports.denoised = LatentValue(
      try context.resuming(of: denoiser.stepCount(from: inputs.start)) {
        (saved: ElasticState?, report) in
        try denoiser.run(inputs, autoencoder: autoencoder, resume: saved) {
          try report($0.step.index + 1, $0.state)
        }
      })
  }

  private func makeInputs(
    _ run: ControlledRun, _ options: ElasticOptions, store: ModelStore
  ) throws -> ElasticInputs {
    try check(ports.latent)
    let negative = ports.negative?.prompt ?? ports.positive.emptyPrompt
    // The authors' code gives SDXL these size conditions for both halves of guidance: four times
    // the result's size, uncropped.
    var inputs = ElasticInputs(
      start: ports.start,
      positive: try run.condition(ports.positive.prompt, enlargement: 4, port: "positive"),
      negative: try run.condition(negative, enlargement: 4, port: "negative"))
    inputs.noise = ports.noise?.tensor
    try check(ports.control, run, options)
    let reduced = options.reducedPictureSize(run.latentShape)
    inputs.controls = try ports.control.map {
      try $0.recipe.makePictureControl(run, size: reduced, store: store)
    }
    return inputs
  }
}
