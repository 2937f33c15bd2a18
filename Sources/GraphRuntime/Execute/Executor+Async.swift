extension Executor {
  /// Runs a plan to its end on a thread of its own, while the caller waits without blocking one.
  ///
  /// When the waiting task is cancelled, the run stops at its next check, within one step of a
  /// node. The token with which the graph was validated stops the run as well.
  ///
  /// - Parameter plan: The plan.
  /// - Returns: What was written.
  /// - Throws: As the method that blocks; `RunCancelled` also when the task is cancelled.
  public func run(_ plan: Plan) async throws -> RunSummary {
    let token = CancellationToken(parent: plan.graph.environment.cancellation)
    return try await withTaskCancellationHandler {
      try await WorkerThread.value { try run(plan, cancellation: token) }
    } onCancel: {
      token.cancel()
    }
  }
}
