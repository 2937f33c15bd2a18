import DiffusionModels
import GraphRuntime
import TensorRuntime

/// Turns noise into latents, step by step.
struct UNetDenoise: GroupedPorts {
  static let summary = """
    Turns noise into latents, step by step, guided by a prompt. It does text-to-image from an \
    EmptyLatent, image-to-image from any other latent, and inpainting from an InpaintLatent's.
    """

  @PortGroup var ports = DenoisePorts()
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

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let unet = ports.$unet.known else { return }
    try ports.checkSampling(unet, context)
    if guidanceStart >= guidanceEnd {
      context.report(
        NodeError(
          "guidance would never be on", port: "guidance_end", expected: "above \(guidanceStart)",
          got: "\(guidanceEnd)", hint: "guidance: 1 turns it off"))
    }
    guard let latent = ports.$latent.known else { return }
    let config = try unet.config()
    if let error = maskError(latent, config) { context.report(error) }
    let run = try ports.run(unet, latent.shape)
    ports.checkLatent(run, channels: config.outChannels, context)
    for control in ports.$control.known ?? [] { try control.recipe.check(run) }
    try run.checkImagePrompts()
    ports.denoised = .predicted(latent.shape)
  }

  /// The error of a denoiser made for inpainting that gets no mask or picture; nil when nothing is
  /// wrong.
  private func maskError(_ latent: LatentValue, _ config: UNetConfig) -> NodeError? {
    let wanted = config.inChannels - config.outChannels
    guard wanted != 0 else { return nil }
    guard wanted == config.outChannels + 1 else {
      return NodeError(
        "the denoiser takes \(config.inChannels) channels and gives \(config.outChannels)",
        port: "unet", expected: "as many as it gives, or twice that and one", status: .unavailable)
    }
    guard latent.maskedPicture == nil else { return nil }
    return NodeError(
      "the denoiser was made for inpainting and needs the picture and its mask",
      port: "latent", hint: "connect an InpaintLatent with `vae` and `image`")
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let unet = ports.$unet.known, let shape = ports.$latent.known?.shape else { return nil }
    let batch = shape[0] * ((try? ports.run(unet, shape))?.isGuided == true ? 2 : 1)
    return unet.denoisingMemory(
      [batch] + shape.dropFirst(), resultBytes: 4 * shape.reduce(1, *))
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let run = try ports.run(ports.unet, ports.latent.shape)
    // The image encoders run before the denoiser is loaded, so that not all are in memory together.
    let imagePrompts = try run.imagePrompts(store: store)
    let model = try store.unet(ports.unet)
    if let error = maskError(ports.latent, model.config) { throw error }
    var inputs = try ports.inputs(run, model.config)
    inputs.imagePrompts = imagePrompts
    inputs.controls = try ports.control.map { try $0.recipe.makeControl(run, store: store) }
    if skip > 0 {
      var generator = TorchGenerator(seed: ports.seed.value)
      for _ in 0..<skip { _ = generator.randn(run.latentShape) }
      inputs.generator = generator
    }
    var options = ports.options
    options.approximations.guidanceStart = guidanceStart
    options.approximations.guidanceEnd = guidanceEnd
    options.approximations.reuse = reuse
    options.approximations.tokenMerge = tokenMerge
    let denoiser = try Denoiser(
      predictor: model, schedulerConfig: try run.unet.base.schedulerConfig(), options: options)
    ports.denoised = try ports.draw(denoiser, inputs, context)
  }
}
