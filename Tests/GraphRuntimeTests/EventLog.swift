import GraphRuntime
import Synchronization

/// Keeps the events of runs.
final class EventLog: Sendable {
  private let events = Mutex<[RunEvent]>([])
  var all: [RunEvent] { events.withLock { $0 } }
  func add(_ event: RunEvent) { events.withLock { $0.append(event) } }
}
