import DiffusionModels
import GraphRuntime
import TensorRuntime

/// Draws large pictures through overlapping windows, with MultiDiffusion.
struct MultiDiffusion: GroupedPorts {
  static let summary = """
    Draws pictures larger than the denoiser's own size through overlapping windows, whose \
    predictions are averaged at every step. Prompts, samplers, controls and masks work as in UNetDenoise; \
    approximations, masks of image prompts and nine-channel denoisers do not.
    """

  @PortGroup var ports = DenoisePorts()
  @Param(
    "Side of the windows in latent pixels, eight picture pixels each; the denoiser's own size when "
      + "left out", min: 1, max: 2_048)
  var window: Int?
  @Param("Latent pixels between windows", min: 1, max: 2_048) var stride = 8

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let unet = ports.$unet.known else { return }
    try ports.checkSampling(unet, context)
    let side = try windowSide(unet)
    if stride > side {
      context.report(
        NodeError(
          "there would be gaps between the windows", port: "stride",
          expected: "at most the window's \(side)", got: String(stride)))
    }
    guard let shape = ports.$latent.known?.shape else { return }
    let run = try ports.run(unet, shape)
    ports.checkLatent(run, channels: try unet.config().inChannels, context)
    try check(ports.$control.known ?? [], run)
    ports.denoised = .predicted(shape)
  }

  private func check(_ controls: [ControlValue], _ run: ControlledRun) throws {
    for control in controls { try control.recipe.check(run) }
    try run.checkImagePromptsOfParts()
  }

  private func windowSide(_ unet: UNetRecipe) throws -> Int {
    if let side = try window ?? unet.config().sampleSize?.max() { return side }
    throw NodeError(
      "the checkpoint does not say which size it draws well", port: "window",
      expected: "a side in latent pixels")
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let unet = ports.$unet.known, let shape = ports.$latent.known?.shape,
      let side = try? windowSide(unet), let run = try? ports.run(unet, shape)
    else { return nil }
    let batch = shape[0] * (run.isGuided ? 2 : 1)
    return unet.denoisingMemory(
      [batch, shape[1], min(side, shape[2]), min(side, shape[3])],
      resultBytes: 4 * shape.reduce(1, *))
  }

  mutating func run(_ context: NodeContext) throws {
    let store = try context.service(ModelStore.self)
    let (unet, shape) = (ports.unet, ports.latent.shape)
    let run = try ports.run(unet, shape)
    try check(ports.control, run)
    let imagePrompts = try run.imagePrompts(store: store)
    let predictor = WindowedPredictor(
      try store.unet(unet), height: shape[2], width: shape[3], window: try windowSide(unet),
      stride: stride,
      controls: try ports.control.map {
        try $0.recipe.makePictureControl(run, size: run.pictureSize, store: store)
      })
    let denoiser = try Denoiser(
      predictor: predictor, schedulerConfig: try unet.base.schedulerConfig(),
      options: ports.options)
    var inputs = try ports.inputs(run, try unet.config())
    inputs.imagePrompts = imagePrompts
    ports.denoised = try ports.draw(denoiser, inputs, context)
  }
}
