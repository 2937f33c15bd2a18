import TensorRuntime

/// What a denoising loop asks at every step: a UNet, or something that stands for one.
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
  /// - Returns: The conditions with what was computed.
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

/// Something that adds to a UNet's conditions at every step, such as a ControlNet.
public protocol DenoiseControl: Sendable {
  /// Adds what applies to a step.
  ///
  /// - Parameters:
  ///   - conditions: The step's conditions, of the whole guided batch.
  ///   - sample: The scaled latents of one guidance half, [B, C, h, w], without mask channels.
  ///   - step: Where the run is.
  /// - Throws: When the control cannot be computed.
  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws
}

/// Where a run is.
public struct DenoiseStep: Sendable, Equatable {
  /// The model call, from 0.
  public let index: Int
  /// Model calls of the whole run.
  public let count: Int
  /// The time step.
  public let timestep: Float
  /// The one after it, unless this is the last.
  public let nextTimestep: Float?
}

/// The part of a run during which a control counts.
public struct ControlWindow: Sendable, Equatable {
  /// Share of the steps before which it does not count.
  public let start: Double
  /// Share of the steps after which it does not count.
  public let end: Double

  /// Makes a window.
  ///
  /// - Parameters:
  ///   - start: 0...1.
  ///   - end: 0...1.
  public init(start: Double = 0, end: Double = 1) {
    self.start = start
    self.end = end
  }

  /// Whether the control counts at a step, by diffusers' rule.
  ///
  /// - Parameter step: Where the run is.
  /// - Returns: True inside the window.
  public func contains(_ step: DenoiseStep) -> Bool {
    let count = Double(step.count)
    return Double(step.index) / count >= start && Double(step.index + 1) / count <= end
  }
}
