import DiffusionModels
import GraphRuntime

extension ElasticDiffusion {
  /// Refuses a denoiser that is told the strength of guidance: its answer cannot be split into what
  /// it says with and without the prompt.
  func checkDenoiser(_ unet: UNetRecipe) throws {
    guard try unet.config().timestepCondWidth != nil else { return }
    throw NodeError(
      "ElasticDiffusion compares predictions with and without the prompt, which this denoiser does not make",
      port: "unet",
      expected: "a denoiser without time_cond_proj_dim", got: unet.base.path,
      hint: "UNetDenoise and MultiDiffusion take it; an LCM-LoRA works here too")
  }

  /// Refuses a latent with a mask.
  func check(_ latent: LatentValue) throws {
    guard latent.paintMask != nil else { return }
    throw NodeError(
      "this node paints whole pictures", port: "latent", expected: "a latent without a mask",
      hint: "UNetDenoise and MultiDiffusion paint inside masks")
  }

  /// Checks that the autoencoder, if one is needed, has latents like the denoiser's.
  func checkBackground(
    _ vae: VAERecipe, _ run: ControlledRun, _ options: ElasticOptions
  ) throws {
    let shape = run.latentShape
    guard options.background(height: shape[2], width: shape[3]) != nil else { return }
    let found: LatentGeometry
    do {
      found = try vae.config().geometry
    } catch {
      throw NodeError(
        "pictures of this size are filled up with a background: \(error)", port: "vae",
        hint: "connect a VAELoad")
    }
    let wanted = LatentGeometry(
      channels: try run.unet.config().inChannels, scale: options.geometry.scale)
    guard found != wanted else { return }
    throw NodeError(
      "the autoencoder is for another denoiser", port: "vae",
      expected: "latents of \(wanted.channels) channels, 1/\(wanted.scale) of the picture's sides",
      got: "\(found.channels) channels, 1/\(found.scale), in \(vae.origin.path)")
  }

  /// Checks controls, whose pictures may have the result's size or the reduced one, and image
  /// prompts.
  func check(
    _ controls: [ControlValue], _ run: ControlledRun, _ options: ElasticOptions
  ) throws {
    let sizes = [run.pictureSize, options.reducedPictureSize(run.latentShape)]
    for control in controls {
      try control.recipe.check(run, pictures: sizes)
      guard !control.recipe.seesPromptOnly else {
        throw NodeError(
          "guess mode cannot be used, because details are drawn without a prompt",
          port: "control", expected: "a ControlNet without guess")
      }
    }
    try run.checkImagePromptsOfParts()
  }

  /// The numbers of a run.
  func options(_ unet: UNetRecipe) throws -> ElasticOptions {
    let geometry = try unet.base.latentGeometry()
    guard let side = try native.map({ $0 / geometry.scale }) ?? unet.config().sampleSize?.max()
    else {
      throw NodeError(
        "the checkpoint does not say which size it draws well", port: "native",
        expected: "a side in pixels")
    }
    var options = ElasticOptions(nativeSide: side)
    options.geometry = geometry
    options.steps = ports.steps
    options.guidance = ports.guidance
    options.guidanceRescale = ports.guidanceRescale
    options.strength = ports.strength
    options.eta = ports.eta
    options.seed = ports.seed.value
    options.spacing = ports.spacing
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
