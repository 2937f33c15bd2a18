import Synchronization

/// Remembers the parts of each node in the last run of a graph, so that a plan can say why a node
/// runs again.
public final class RunHistory: Sendable {
  private let records = Mutex<[String: KeyRecord]>([:])

  /// Makes an empty history.
  public init() {}

  func record(graph: String, node: String) -> KeyRecord? {
    records.withLock { $0[graph + "\u{0}" + node] }
  }

  func remember(_ record: KeyRecord, graph: String, node: String) {
    records.withLock { $0[graph + "\u{0}" + node] = record }
  }
}
