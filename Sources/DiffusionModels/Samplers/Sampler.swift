import TensorRuntime

/// The result of one step of a sampler.
public struct SamplerStep: Sendable {
  /// The sample at the next, lower noise level.
  public let previous: Tensor
  /// The sampler's estimate of the clean sample; nil for samplers without one.
  public let predictedOriginal: Tensor?

  init(previous: Tensor, predictedOriginal: Tensor? = nil) {
    self.previous = previous
    self.predictedOriginal = predictedOriginal
  }
}

/// A diffusion sampler: a value that holds its schedule and its history.
///
/// Calls come in the order of diffusers' pipelines: `setTimesteps`, perhaps `setBeginIndex`, then for each
/// timestep `scaleModelInput`, the model, `step`.
public protocol Sampler: Sendable {
  /// The timesteps to visit, in order; as many as model calls.
  var timesteps: [Float] { get }
  /// The factor of the standard normal noise from which a run starts.
  var initNoiseSigma: Float { get }
  /// Model calls per step of the schedule.
  var order: Int { get }
  /// Everything that changes from step to step, for saved states.
  var state: SamplerState { get }

  /// Makes the schedule of a run.
  ///
  /// - Parameter count: The number of steps.
  /// - Throws: `SamplerError` when the schedule has no room for that many.
  mutating func setTimesteps(_ count: Int) throws

  /// Continues from a saved state, after `setTimesteps` with the same count.
  ///
  /// - Parameter state: A state from `state`.
  /// - Throws: `SavedStateError` when it is not a state of this kind of sampler.
  mutating func restore(_ state: SamplerState) throws

  /// Says which entry of `timesteps` comes first when a run starts in the middle.
  ///
  /// - Parameter index: An index into `timesteps`.
  mutating func setBeginIndex(_ index: Int)

  /// Scales a sample for the model.
  ///
  /// - Parameters:
  ///   - sample: The noisy sample.
  ///   - timestep: The timestep about to be visited.
  /// - Returns: The model's input.
  mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor

  /// Goes one step towards the clean sample.
  ///
  /// - Parameters:
  ///   - modelOutput: The model's prediction, after guidance.
  ///   - timestep: The timestep just visited.
  ///   - sample: The sample the step starts from, not scaled.
  ///   - generator: The generator of fresh noise.
  /// - Returns: The next sample.
  mutating func step(
    modelOutput: Tensor, timestep: Float, sample: Tensor, generator: inout TorchGenerator
  ) -> SamplerStep

  /// Adds the noise of a timestep to a clean sample.
  ///
  /// - Parameters:
  ///   - original: The clean sample.
  ///   - noise: Standard normal noise of the same shape.
  ///   - timestep: One of `timesteps`.
  /// - Returns: The noisy sample.
  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor
}

extension Sampler {
  /// Standard normal noise as it is, as samplers of variance-preserving form take it.
  public var initNoiseSigma: Float { 1 }

  /// One model call per step of the schedule.
  public var order: Int { 1 }

  /// Nothing changes from step to step in samplers without history.
  public var state: SamplerState { SamplerState() }

  /// Accepts the empty state of samplers without history.
  public mutating func restore(_ state: SamplerState) throws { try state.expect() }

  /// Does nothing, because samplers that find timesteps by value need no start.
  public mutating func setBeginIndex(_ index: Int) {}

  /// Leaves the sample as it is, as samplers of variance-preserving form do.
  public mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor { sample }
}
