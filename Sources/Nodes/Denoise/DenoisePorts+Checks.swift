import DiffusionModels
import GraphRuntime
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

extension DenoisePorts {
  /// Reports sampling options that the checkpoint's schedule does not allow.
  func checkSampling(_ unet: UNetRecipe, _ context: ValidationContext) throws {
    do {
      var sampler = try makeSampler(sampling, config: try unet.base.schedulerConfig())
      try sampler.setTimesteps(steps)
    } catch let error as SamplerError {
      context.report(NodeError(String(describing: error), port: "sampler"))
    }
  }

  /// Reports what in the latent and the noise does not fit the denoiser, and warns of sizes that
  /// its adapters are not for.
  func checkLatent(_ run: ControlledRun, channels: Int, _ context: ValidationContext) {
    let shape = run.latentShape
    func report(
      _ message: String, _ port: String, _ expected: String, _ got: String, hint: String? = nil
    ) {
      context.report(NodeError(message, port: port, expected: expected, got: got, hint: hint))
    }
    if shape[1] != channels {
      report(
        "the latent does not fit the denoiser", "latent", "\(channels) channels", "\(shape[1])")
    }
    if $latent.known?.content.isZeros == true, strength < 1 {
      report(
        "there is no picture to start from", "strength", "1", String(strength),
        hint: "connect a VAEEncode to `latent`, or leave strength out")
    }
    if strength > 0, Int(Double(steps) * strength) == 0 {
      report(
        "not one step would run", "strength", "at least \(1 / Double(steps))", String(strength))
    }
    if let noise = $noise.known.flatMap({ $0 }), noise.shape != shape {
      report("the noise does not fit the latent", "noise", "\(shape)", "\(noise.shape)")
    }
    for range in run.unet.ranges {
      let size = run.pictureSize
      if let warning = range.warning(width: size.width, height: size.height) {
        context.warn(warning, port: "latent")
      }
    }
  }
}

extension ControlledRun {
  /// An encoding as the denoiser takes it: SDXL is told the size of the result, or of one so many
  /// times as large.
  func condition(
    _ encoding: PromptEncoding, enlargement: Int = 1, port: String
  ) throws -> PromptEncoding {
    let config = try unet.config()
    let width = encoding.embeddings.shape[2]
    guard width == config.crossAttentionWidth else {
      throw NodeError(
        "the conditioning is of another model", port: port,
        expected: "embeddings of width \(config.crossAttentionWidth)", got: "\(width)")
    }
    guard config.textTime != nil else { return PromptEncoding(embeddings: encoding.embeddings) }
    return encoding.ofPicture(
      width: enlargement * pictureSize.width, height: enlargement * pictureSize.height)
  }
}

extension UNetRecipe {
  /// The memory of a denoising run.
  func denoisingMemory(
    _ call: [Int], resultBytes: Int, beside other: (weights: Int, featureMaps: Int) = (0, 0)
  ) -> MemoryEstimate? {
    guard let weights = try? source().packedByteCount, let config = try? config() else {
      return nil
    }
    let featureMaps = max(config.featureMapBytes(call), other.featureMaps)
    let program = 96 << 20
    let prompts = imagePrompts.reduce(0) { $0 + $1.packedByteCount }
    let encoder = imagePrompts.map(\.encoder.packedByteCount).max() ?? 0
    return MemoryEstimate(
      workingBytes: max(weights + other.weights + featureMaps + program, encoder) + prompts,
      outputBytes: resultBytes)
  }
}
