import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// What all nodes that denoise check and prepare alike.
struct DenoiseChecks {
  let unet: UNetRecipe
  /// What the run starts from.
  let content: TensorContent

  /// Noise, or the picture in the latent.
  var start: DenoiseStart {
    if case .numbers(let tensor) = content { return .latent(tensor) }
    return .noise(shape: content.shape)
  }

  /// What of a node's inputs is known before it runs.
  struct Known {
    /// Channels that the latent must have.
    var channels: Int
    var noise: NoiseValue?
    var strength: Double?
    var steps: Int?
  }

  /// Reports what does not fit the denoiser, and warns of sizes that its adapters are not for.
  func report(_ known: Known, to context: ValidationContext) throws {
    let (shape, channels) = (content.shape, known.channels)
    if shape[1] != channels {
      context.report(
        NodeError(
          "the latent does not fit the denoiser", port: "latent", expected: "\(channels) channels",
          got: "\(shape[1])"))
    }
    if case .zeros = content, let strength = known.strength, strength < 1 {
      context.report(
        NodeError(
          "there is no picture to start from", port: "strength", expected: "1",
          got: String(strength), hint: "connect a VAEEncode to `latent`, or leave strength out"))
    }
    if let strength = known.strength, let steps = known.steps, strength > 0,
      Int(Double(steps) * strength) == 0
    {
      context.report(
        NodeError(
          "not one step would run", port: "strength", expected: "at least \(1 / Double(steps))",
          got: String(strength)))
    }
    if let noise = known.noise, noise.shape != shape {
      context.report(
        NodeError(
          "the noise does not fit the latent", port: "noise", expected: "\(shape)",
          got: "\(noise.shape)"))
    }
    for range in unet.ranges {
      if let warning = range.warning(width: shape[3] * 8, height: shape[2] * 8) {
        context.warn(warning, port: "latent")
      }
    }
    // Finds an adapter for another model.
    _ = try unet.source()
  }

  /// Refuses a latent of which only a part is to be painted.
  func requireWholePicture(_ latent: LatentValue) throws {
    guard latent.paintMask != nil else { return }
    throw NodeError(
      "this node paints whole pictures", port: "latent", expected: "a latent without a mask",
      hint: "UNetDenoise and MultiDiffusion paint inside masks")
  }

  /// An encoding as the denoiser takes it.
  ///
  /// - Parameters:
  ///   - encoding: Of a prompt.
  ///   - sizes: SDXL's size conditions: original size, crop and target size, each height then width;
  ///     the whole latent's picture when nil.
  ///   - port: Where the encoding comes from.
  /// - Returns: The condition, with sizes where the denoiser wants them.
  /// - Throws: `NodeError` for an encoding of another model.
  func condition(
    _ encoding: ConditioningValue.Encoding, sizes: [Float]? = nil, port: String
  ) throws -> PromptCondition {
    let config = try unet.config()
    let width = encoding.embeddings.shape[2]
    guard width == config.crossAttentionWidth else {
      throw NodeError(
        "the conditioning is of another model", port: port,
        expected: "embeddings of width \(config.crossAttentionWidth)", got: "\(width)")
    }
    var condition = PromptCondition(embeddings: encoding.embeddings)
    guard config.textTime != nil else { return condition }
    condition.pooled = encoding.pooled
    let size = content.shape.suffix(2).map { Float($0 * 8) }
    condition.timeIDs = Tensor(sizes ?? size + [0, 0] + size, shape: [1, 6])
    return condition
  }
}

extension ControlledRun {
  /// Checks the image prompts of a denoiser that is shown only parts of the picture at a time.
  func checkImagePromptsOfParts() throws {
    guard unet.imagePrompts.allSatisfy(\.masks.isEmpty) else {
      throw NodeError("image prompts with masks do not know the parts of a picture", port: "unet")
    }
    try checkImagePrompts()
  }
}

extension UNetRecipe {
  /// Reports a way of sampling that the checkpoint's schedule does not allow.
  func checkSampling(_ options: SamplerOptions, steps: Int, _ context: ValidationContext) throws {
    do {
      var sampler = try makeSampler(options, config: try schedulerConfig())
      try sampler.setTimesteps(steps)
    } catch let error as SamplerError {
      context.report(NodeError(String(describing: error), port: "sampler"))
    }
  }

  /// The memory of a denoising run.
  ///
  /// - Parameters:
  ///   - call: The shape of the largest model call.
  ///   - resultBytes: The size of the result.
  ///   - other: A model that stays loaded beside the denoiser and works while that waits.
  /// - Returns: The estimate; nil where the denoiser's files do not say.
  func denoisingMemory(
    _ call: [Int], resultBytes: Int, beside other: (weights: Int, featureMaps: Int) = (0, 0)
  ) -> MemoryEstimate? {
    guard let weights = try? source().packedByteCount, let config = try? config() else {
      return nil
    }
    let channels = config.levels.map(\.channels).reduce(0, +)
    // Skips of the way down and a few feature maps at the finest level, as measured on SD 1.5.
    let featureMaps = max(call[0] * call[2] * call[3] * channels * 4 * 4, other.featureMaps)
    let program = 96 << 20
    let prompts = imagePrompts.reduce(0) { $0 + $1.packedByteCount }
    let encoder = imagePrompts.map(\.encoder.packedByteCount).max() ?? 0
    return MemoryEstimate(
      workingBytes: max(weights + other.weights + featureMaps + program, encoder) + prompts,
      outputBytes: resultBytes)
  }
}
