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
