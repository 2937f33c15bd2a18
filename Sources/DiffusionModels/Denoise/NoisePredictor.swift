import TensorRuntime

/// Predicts noise for a denoising loop: a UNet, or something in its place.
public protocol NoisePredictor: Sendable {
  /// Channels of the model's input.
  var inputChannels: Int { get }
  /// The width of the guidance embedding of latent-consistency models; nil for all others.
  var guidanceEmbeddingWidth: Int? { get }

  /// Checks that the model can take the conditions; calls do not check.
  ///
  /// - Parameter conditions: Texts and image prompts.
  /// - Throws: `ModelError` naming the first input that does not fit.
  func check(_ conditions: UNetConditions) throws

  /// Computes in advance what is the same at every step, or is known for every step.
  ///
  /// - Parameter conditions: Texts, image prompts, the guidance embedding and the time steps.
  /// - Returns: The conditions with the results.
  func prepared(_ conditions: UNetConditions) -> UNetConditions

  /// Predicts noise (or velocity, or the clean sample).
  ///
  /// - Parameters:
  ///   - sample: [B, C, h, w], scaled by the sampler.
  ///   - timestep: The time step.
  ///   - conditions: Of a batch that is a multiple of B, to which the sample is repeated as a whole.
  /// - Returns: The prediction for every sample of the conditions' batch.
  /// - Throws: When it cannot be computed; UNets always can.
  func callAsFunction(
    _ sample: Tensor, timestep: Float, conditions: UNetConditions
  ) throws -> Tensor
}

extension NoisePredictor {
  /// Accepts everything.
  public func check(_ conditions: UNetConditions) throws {}

  /// Computes nothing ahead.
  public func prepared(_ conditions: UNetConditions) -> UNetConditions { conditions }
}

extension UNet2DConditionModel: NoisePredictor {
  /// Channels of the model's input.
  public var inputChannels: Int { config.inChannels }
  /// The width of the guidance embedding.
  public var guidanceEmbeddingWidth: Int? { config.timestepCondWidth }
}
