import ResgraphFiles
import Synchronization

/// One node's view of the store of snapshots.
///
/// States are saved every few seconds, as often as the store asks for, and less often where saving
/// takes long: it costs less than a hundredth of a run.
public struct NodeSnapshot: Sendable {
  private let store: (any SnapshotStore)?
  private let key: CacheKey
  private let otherKey: @Sendable () -> CacheKey?
  private let pace = Pace()

  /// When the last state was saved, and how long that took.
  private struct Saving {
    var end: ContinuousClock.Instant
    var seconds: Double
  }

  private final class Pace: Sendable {
    let last = Mutex(Saving(end: .now, seconds: 0))
  }

  /// Joins a store and a key.
  ///
  /// - Parameters:
  ///   - store: Where states are kept; nil to keep none.
  ///   - key: The node's cache key.
  ///   - otherKey: Another key under which an earlier run may have saved the node's state.
  public init(
    store: (any SnapshotStore)?, key: CacheKey,
    otherKey: @escaping @Sendable () -> CacheKey? = { nil }
  ) {
    self.store = store
    self.key = key
    self.otherKey = otherKey
  }

  /// Saves the node's state so far.
  ///
  /// - Parameters:
  ///   - state: Bytes from which the node can go on to the same result; not asked for when they are
  ///     not saved.
  ///   - isLast: Whether the node stops here, so that the state is saved whenever the last one was.
  /// - Throws: Any error of writing.
  public func save(_ state: @autoclosure () throws -> [UInt8], isLast: Bool = false) throws {
    guard let store, isLast || isDue(store) else { return }
    let start = ContinuousClock.now
    try store.save(try state(), for: key)
    let end = ContinuousClock.now
    pace.last.withLock { $0 = Saving(end: end, seconds: (end - start).inSeconds) }
  }

  private func isDue(_ store: any SnapshotStore) -> Bool {
    let last = pace.last.withLock(\.self)
    return (ContinuousClock.now - last.end).inSeconds >= max(store.interval, 100 * last.seconds)
      || store.interval == 0
  }

  /// The state saved by an earlier run of an equal node, nil when there is none.
  ///
  /// - Returns: The bytes; they may be damaged, and a node must then start over.
  public func load() -> [UInt8]? {
    guard let store else { return nil }
    if let state = store.load(key) { return state }
    guard let other = otherKey(), other != key, let state = store.load(other) else { return nil }
    if (try? store.save(state, for: key)) != nil { store.remove(other) }
    return state
  }
}
