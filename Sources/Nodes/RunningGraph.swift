public import GraphRuntime

extension Engine {
  /// Starts a run on a thread of its own, and lets its events be read as a sequence.
  ///
  /// ```swift
  /// let run = engine.start(request, into: "out")
  /// for await event in run { print(event.name) }
  /// let result = try await run.result
  /// ```
  ///
  /// - Parameters:
  ///   - request: The graph file, or a PNG that this engine wrote, and parameter values.
  ///   - folder: Where outputs are written, made when it is missing; nil to have their values.
  ///   - recordsGraph: Whether PNG files carry the graph that made them.
  /// - Returns: The run; it goes on to its end, also when nobody reads its events.
  public func start(
    _ request: GraphRequest, into folder: String? = nil, recordsGraph: Bool = true
  ) -> RunningGraph {
    let token = CancellationToken(parent: environment.cancellation)
    let engine = stopped(by: token)
    return RunningGraph(token) { onEvent in
      try engine.run(request, into: folder, recordsGraph: recordsGraph, onEvent: onEvent)
    }
  }
}

/// A run under way: a sequence of its events, which one reader may iterate over, and its result.
///
/// When a task that iterates over the events or waits for the result is cancelled, the run stops at
/// its next step, and its result is `CancellationError`.
public struct RunningGraph: AsyncSequence, Sendable {
  /// What happens in the run.
  public typealias Element = RunEvent
  /// Reading events never fails; a failed run throws from `result`.
  public typealias Failure = Never

  private let events: RunEvents
  private let task: Task<RunResult, any Error>

  /// Runs `body` on a thread of its own; `token` stops it.
  init(
    _ token: CancellationToken,
    _ body:
      @escaping @Sendable (_ onEvent: @escaping @Sendable (RunEvent) -> Void) throws
      -> RunResult
  ) {
    let events = RunEvents()
    self.events = events
    task = Task.detached {
      defer { events.finish() }
      return try await withTaskCancellationHandler {
        do {
          return try await WorkerThread.value { try body(events.send) }
        } catch is RunCancelled where Task.isCancelled {
          throw CancellationError()
        }
      } onCancel: {
        token.cancel()
      }
    }
  }

  /// Asks the run to stop at its next step.
  public func cancel() { task.cancel() }

  /// What the run leaves, when it is done.
  ///
  /// - Throws: What `Engine.run` throws; `CancellationError` when a task's cancellation stopped it.
  public var result: RunResult {
    get async throws {
      try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
    }
  }

  /// Begins to read the events.
  ///
  /// - Returns: The only iterator that may be used.
  public func makeAsyncIterator() -> Iterator {
    Iterator(events: events.makeAsyncIterator(), task: task)
  }

  /// Reads the events of a run in order.
  public struct Iterator: AsyncIteratorProtocol {
    /// Reading events never fails.
    public typealias Failure = Never

    var events: AsyncStream<RunEvent>.Iterator
    let task: Task<RunResult, any Error>

    /// Waits for the next event.
    ///
    /// - Parameter actor: Where the caller runs.
    /// - Returns: The event; nil when the run is over or was asked to stop.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async -> RunEvent? {
      let event = await events.next(isolation: actor)
      if event == nil, Task.isCancelled { task.cancel() }
      return event
    }
  }
}
