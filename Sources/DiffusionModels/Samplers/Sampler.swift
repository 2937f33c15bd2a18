import TensorRuntime

/// What one step of a sampler gives.
public struct SamplerStep: Sendable {
  /// The sample at the next, lower noise level.
  public let previous: Tensor
  /// The sampler's present idea of the clean sample, where it forms one.
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
  /// What standard normal noise is multiplied by to start from.
  var initNoiseSigma: Float { get }
  /// Model calls per step of the schedule.
  var order: Int { get }
  /// Everything that changes from step to step, for checkpoints.
  var state: SamplerState { get }

  /// Makes the schedule of a run.
  ///
  /// - Parameter count: The number of steps.
  /// - Throws: `SamplerError` when the schedule has no room for that many.
  mutating func setTimesteps(_ count: Int) throws

  /// Continues from a saved state, after `setTimesteps` with the same count.
  ///
  /// - Parameter state: What `state` gave.
  /// - Throws: `SamplerError.badState` when it is not a state of this kind of sampler.
  mutating func restore(_ state: SamplerState) throws

  /// Says which entry of `timesteps` comes first when a run starts in the middle.
  ///
  /// - Parameter index: An index into `timesteps`.
  mutating func setBeginIndex(_ index: Int)

  /// Brings a sample to the scale the model was trained on.
  ///
  /// - Parameters:
  ///   - sample: The noisy sample.
  ///   - timestep: The timestep about to be visited.
  /// - Returns: The model's input.
  mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor

  /// Goes one step towards the clean sample.
  ///
  /// - Parameters:
  ///   - modelOutput: What the model said, after guidance.
  ///   - timestep: The timestep just visited.
  ///   - sample: The sample the step starts from, not scaled.
  ///   - generator: Where fresh noise comes from.
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
  /// Nothing changes from step to step in samplers without history.
  public var state: SamplerState { SamplerState() }

  /// Accepts the empty state of samplers without history.
  public mutating func restore(_ state: SamplerState) throws { try state.expect() }

  /// Samplers that look timesteps up by value need no start.
  public mutating func setBeginIndex(_ index: Int) {}

  /// Leaves the sample as it is, as samplers of variance-preserving form do.
  public mutating func scaleModelInput(_ sample: Tensor, timestep: Float) -> Tensor { sample }
}

/// Where in its schedule a sampler is.
struct StepCursor: Sendable, Equatable {
  /// The entry of the next step; nil before the first.
  var index: Int?
  /// The entry to start at, where it was set.
  var begin: Int?

  /// The entry of the step at `timestep`, finding the first one by its value: the second of equal entries,
  /// as diffusers does, and the last where there is none.
  ///
  /// A run that starts at the schedule's first timestep starts at its first entry, however often rounding
  /// repeats it: from the second, where diffusers fails, it would go past the end.
  mutating func locate(_ timestep: Float, in timesteps: [Float]) -> Int {
    let found = index ?? begin ?? Self.start(at: timestep, in: timesteps)
    index = found
    return found
  }

  /// The entry whose noise `addNoise` uses.
  func noiseEntry(_ timestep: Float, in timesteps: [Float]) -> Int {
    guard let begin else { return Self.entry(of: timestep, in: timesteps) }
    return index ?? begin
  }

  private static func start(at timestep: Float, in timesteps: [Float]) -> Int {
    timestep == timesteps.first ? 0 : entry(of: timestep, in: timesteps)
  }

  private static func entry(of timestep: Float, in timesteps: [Float]) -> Int {
    let matches = timesteps.indices.filter { timesteps[$0] == timestep }
    return matches.count > 1 ? matches[1] : matches.first ?? timesteps.count - 1
  }
}

/// The rules shared by all samplers about how many steps there can be.
enum StepCount {
  /// Refuses schedules with timesteps that are no numbers, which no step could be found by.
  static func checkNumbers(_ timesteps: [Float]) throws {
    guard timesteps.allSatisfy(\.isFinite) else {
      throw SamplerError.badStepCount(
        count: timesteps.count, reason: "the schedule has timesteps that are not finite")
    }
  }

  static func check(_ count: Int, trainCount: Int) throws {
    guard count >= 1 else {
      throw SamplerError.badStepCount(count: count, reason: "at least one is needed")
    }
    guard count <= trainCount else {
      throw SamplerError.badStepCount(
        count: count, reason: "the model was trained with \(trainCount) timesteps")
    }
  }

  /// Table lookups need timesteps inside the training schedule.
  static func check(timesteps: [Double], trainCount: Int) throws {
    for timestep in timesteps where !(0...Double(trainCount - 1)).contains(timestep) {
      throw SamplerError.badStepCount(
        count: timesteps.count,
        reason: "timestep \(Int(timestep)) is outside the \(trainCount) trained ones")
    }
  }
}
