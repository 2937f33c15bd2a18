/// The things that a node may use while it runs.
public struct NodeContext: Sendable {
  /// The node's name in the graph, for messages.
  public let nodeID: String
  /// The node's cache key.
  public let cacheKey: CacheKey
  /// The numeric mode of the run, such as `fp32`: part of the cache key.
  public let numericMode: String
  /// Paths and content digests.
  public let files: FileAccess
  /// Objects shared by nodes.
  public let services: Services
  /// Saved state of an earlier, unfinished run of an equal node.
  public let snapshot: NodeSnapshot
  /// Stops the run when asked to.
  public let cancellation: CancellationToken
  private let report: @Sendable (Report) -> Void

  /// A report of a running node.
  public enum Report: Sendable, Hashable {
    /// A step of several is done.
    case progress(step: Int, count: Int)
    /// A message for the user.
    case warning(String)
  }

  /// Describes one node's run; tests make their own, runs get theirs from the executor.
  ///
  /// - Parameters:
  ///   - nodeID: The node's name in the graph.
  ///   - environment: Files, services and settings of the run.
  ///   - cacheKey: The node's cache key.
  ///   - snapshot: Where the node's state is kept; nil for the environment's store, under the key.
  ///   - report: Receives progress and warnings, on the node's thread.
  public init(
    nodeID: String, environment: RunEnvironment = RunEnvironment(),
    cacheKey: CacheKey = CacheKey.unique(),
    snapshot: NodeSnapshot? = nil,
    report: @escaping @Sendable (Report) -> Void = { _ in }
  ) {
    self.nodeID = nodeID
    self.cacheKey = cacheKey
    numericMode = environment.numericMode
    files = environment.files
    services = environment.services
    self.snapshot = snapshot ?? NodeSnapshot(store: environment.snapshots, key: cacheKey)
    cancellation = environment.cancellation
    self.report = report
  }

  /// Says how far the node is.
  ///
  /// - Parameters:
  ///   - step: How many steps are done.
  ///   - count: How many there are.
  public func progress(step: Int, of count: Int) {
    report(.progress(step: step, count: count))
  }

  /// Shows the user a warning.
  ///
  /// - Parameter message: A sentence without a full stop.
  public func warn(_ message: String) { report(.warning(message)) }

  /// Stops the node if the run is to stop; call it at least once per step.
  ///
  /// - Throws: `RunCancelled`.
  public func checkCancellation() throws { try cancellation.check() }

  /// Finds a shared object.
  ///
  /// - Parameter type: The type under which it was added to the run's services.
  /// - Returns: The object.
  /// - Throws: `MissingService` when there is none.
  public func service<Service: Sendable>(_ type: Service.Type) throws -> Service {
    try services.require(type)
  }
}
