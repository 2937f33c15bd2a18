/// What all nodes of a run share.
public struct RunEnvironment: Sendable {
  /// Paths and content digests.
  public var files: FileAccess
  /// Objects shared by nodes.
  public var services: Services
  /// Where unfinished nodes keep their state; nil to keep none.
  public var snapshots: (any SnapshotStore)?
  /// Stops the run.
  public var cancellation: CancellationToken
  /// The name of the arithmetic, such as `fp32`.
  ///
  /// It is part of every cache key.
  public var numericMode: String

  /// Makes an environment.
  ///
  /// - Parameters:
  ///   - files: Paths and content digests.
  ///   - services: Objects shared by nodes.
  ///   - snapshots: Where unfinished nodes keep their state; nil to keep none.
  ///   - cancellation: Stops the run.
  ///   - numericMode: Names the arithmetic.
  public init(
    files: FileAccess = FileAccess(), services: Services = Services(),
    snapshots: (any SnapshotStore)? = nil,
    cancellation: CancellationToken = CancellationToken(), numericMode: String = "fp32"
  ) {
    self.files = files
    self.services = services
    self.snapshots = snapshots
    self.cancellation = cancellation
    self.numericMode = numericMode
  }
}
