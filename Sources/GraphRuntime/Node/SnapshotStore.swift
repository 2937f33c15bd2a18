import Synchronization

/// Keeps the state of unfinished nodes, so that a later run goes on where one stopped.
///
/// A state, or snapshot, is opaque bytes under the node's cache key. A store may lose it at any
/// time; the node then starts over.
public protocol SnapshotStore: Sendable {
  /// Saves a state, replacing the one saved before.
  ///
  /// - Parameters:
  ///   - state: The node's bytes.
  ///   - key: The node's cache key.
  /// - Throws: Any error of writing.
  func save(_ state: [UInt8], for key: CacheKey) throws
  /// Finds the saved state.
  ///
  /// - Parameter key: The node's cache key.
  /// - Returns: The bytes saved last, nil when there are none.
  func load(_ key: CacheKey) -> [UInt8]?
  /// Forgets the state: the node is done.
  ///
  /// - Parameter key: The node's cache key.
  func remove(_ key: CacheKey)
}

/// Keeps states in memory, for runs within one process.
public final class MemorySnapshots: SnapshotStore {
  private let states = Mutex<[CacheKey: [UInt8]]>([:])

  /// Makes an empty store.
  public init() {}

  /// Saves a state, replacing the one saved before.
  public func save(_ state: [UInt8], for key: CacheKey) {
    states.withLock { $0[key] = state }
  }

  /// Finds the saved state.
  public func load(_ key: CacheKey) -> [UInt8]? { states.withLock { $0[key] } }

  /// Forgets the state.
  public func remove(_ key: CacheKey) { states.withLock { _ = $0.removeValue(forKey: key) } }
}

/// One node's view of the store of snapshots.
public struct NodeSnapshot: Sendable {
  private let store: (any SnapshotStore)?
  private let key: CacheKey

  /// Joins a store and a key.
  ///
  /// - Parameters:
  ///   - store: Where states are kept; nil to keep none.
  ///   - key: The node's cache key.
  public init(store: (any SnapshotStore)?, key: CacheKey) {
    self.store = store
    self.key = key
  }

  /// Saves the node's state so far.
  ///
  /// - Parameter state: Bytes from which the node can go on to the same result; not asked for when
  ///   no store keeps them.
  /// - Throws: Any error of writing.
  public func save(_ state: @autoclosure () throws -> [UInt8]) throws {
    try store?.save(try state(), for: key)
  }

  /// The state saved by an earlier run of an equal node, nil when there is none.
  ///
  /// - Returns: The bytes; they may be damaged, and a node must then start over.
  public func load() -> [UInt8]? { store?.load(key) }

  /// Forgets the state; the executor calls it when the node is done.
  public func remove() { store?.remove(key) }
}
