/// The events of one run as a sequence, for one reader.
///
/// ```swift
/// let events = RunEvents()
/// let executor = Executor(onEvent: events.send)
/// async let summary = executor.run(plan)
/// for await event in events { print(event.name) }
/// ```
///
/// The sequence ends after `run.end`. Events wait until they are read, and are lost when nobody does.
public struct RunEvents: AsyncSequence, Sendable {
  private let stream: AsyncStream<RunEvent>
  private let continuation: AsyncStream<RunEvent>.Continuation

  /// Makes a sequence without events.
  public init() { (stream, continuation) = AsyncStream.makeStream() }

  /// Adds an event: what `Executor` takes as `onEvent`.
  ///
  /// - Parameter event: The event; `run.end` is the last.
  @Sendable public func send(_ event: RunEvent) {
    continuation.yield(event)
    if case .runEnd = event { continuation.finish() }
  }

  /// Ends the sequence of a run that did not start.
  public func finish() { continuation.finish() }

  /// Begins to read.
  public func makeAsyncIterator() -> AsyncStream<RunEvent>.Iterator { stream.makeAsyncIterator() }
}
