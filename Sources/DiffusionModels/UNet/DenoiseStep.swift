/// A step of a run.
public struct DenoiseStep: Sendable, Equatable {
  /// The number of the model call, from 0.
  public let index: Int
  /// Model calls of the whole run.
  public let count: Int
  /// The time step.
  public let timestep: Float
  /// The time step after it; nil at the last step.
  public let nextTimestep: Float?
}
