import ResgraphFiles
import Synchronization

/// The results of a finished run.
public struct RunSummary: Sendable {
  /// The paths written, by output, in the order of the graph.
  public var outputs: [(name: String, paths: [String])]
  /// The values of the nodes asked for as targets, by node and port.
  public var values: [String: [String: any PortValue]]
  /// How long the run took.
  public var seconds: Double
}

/// Runs plans.
///
/// The thread that calls `run` owns all state of the run. It hands compute nodes to one worker
/// thread, so that they run one at a time, and all other nodes to a few threads beside it. A value
/// is dropped after the last node or output that uses it.
public struct Executor: Sendable {
  let cache: (any ResultCache)?
  let history: RunHistory?
  let sink: (any OutputSink)?
  private let onEvent: @Sendable (RunEvent) -> Void
  /// Threads for nodes that wait for files.
  static let sideThreads = 2

  /// Prepares to run plans.
  ///
  /// - Parameters:
  ///   - cache: Keeps results; nil keeps none.
  ///   - history: Remembers what ran, to explain later runs.
  ///   - sink: Writes outputs; without one, outputs are values in the summary.
  ///   - onEvent: Told what happens; called on several threads, one call at a time.
  public init(
    cache: (any ResultCache)? = nil, history: RunHistory? = nil, sink: (any OutputSink)? = nil,
    onEvent: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) {
    self.cache = cache
    self.history = history
    self.sink = sink
    self.onEvent = onEvent
  }

  /// Runs a plan to its end.
  ///
  /// - Parameters:
  ///   - plan: The plan.
  ///   - cancellation: Stops this run; nil for the token with which the graph was validated.
  /// - Returns: What was written.
  /// - Throws: `NodeFailure` for the first node that failed, `RunCancelled`, or what the sink threw.
  ///   Results finished before stay in the cache.
  public func run(_ plan: Plan, cancellation: CancellationToken? = nil) throws -> RunSummary {
    let start = ContinuousClock.now
    let lock = Mutex(())
    let send: @Sendable (RunEvent) -> Void = { [onEvent] event in
      lock.withLock { _ in onEvent(event) }
    }
    send(
      .runStart(
        graph: plan.graph.name, nodes: plan.runCount, hits: plan.steps.count - plan.runCount))
    let token = cancellation ?? plan.graph.environment.cancellation
    let result = Result { try run(plan, token, send) }
    let seconds = (ContinuousClock.now - start).inSeconds
    switch result {
    case .success(var summary):
      summary.seconds = seconds
      send(.runEnd(status: .done, seconds: seconds, error: nil))
      return summary
    case .failure(let error):
      let status = (error as? any ExitStatusError)?.exitStatus ?? .nodeFailed
      send(.runEnd(status: status, seconds: seconds, error: String(describing: error)))
      throw error
    }
  }

  /// Runs a plan, and others in its place while a cache loses what it had.
  private func run(
    _ plan: Plan, _ token: CancellationToken, _ send: @escaping @Sendable (RunEvent) -> Void
  ) throws -> RunSummary {
    var (plan, written) = (plan, [Int: [String]]())
    while true {
      var state = try RunState(
        plan, executor: self, written: written, cancellation: token, send: send)
      do {
        defer { history?.remember(plan.keys.traces(of: state.finishedNodes), of: plan.graph) }
        return try state.run()
      } catch is LostResult {
        // A lost result is not found again, so this ends.
        written = state.writtenPaths
        plan = try plan.renewed()
      }
    }
  }
}
