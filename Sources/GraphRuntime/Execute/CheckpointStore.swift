import Synchronization

/// Keeps the state of unfinished nodes, so that a later run goes on where one stopped.
///
/// States are opaque bytes under the node's cache key. A store may lose them at any time; a node
/// must then start over.
public protocol CheckpointStore: Sendable {
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

/// Keeps nothing: every node starts over.
public struct NoCheckpoints: CheckpointStore {
  /// Makes the store.
  public init() {}
  /// Forgets the state at once.
  ///
  /// - Parameters:
  ///   - state: Ignored.
  ///   - key: Ignored.
  public func save(_ state: [UInt8], for key: CacheKey) {}
  /// Finds nothing.
  ///
  /// - Parameter key: Ignored.
  /// - Returns: Nil.
  public func load(_ key: CacheKey) -> [UInt8]? { nil }
  /// Does nothing.
  ///
  /// - Parameter key: Ignored.
  public func remove(_ key: CacheKey) {}
}

/// Keeps states in memory, for runs within one process.
public final class MemoryCheckpoints: CheckpointStore {
  private let states = Mutex<[CacheKey: [UInt8]]>([:])

  /// Makes an empty store.
  public init() {}

  /// Saves a state.
  ///
  /// - Parameters:
  ///   - state: The node's bytes.
  ///   - key: The node's cache key.
  public func save(_ state: [UInt8], for key: CacheKey) {
    states.withLock { $0[key] = state }
  }

  /// Finds the saved state.
  ///
  /// - Parameter key: The node's cache key.
  /// - Returns: The bytes saved last, nil when there are none.
  public func load(_ key: CacheKey) -> [UInt8]? { states.withLock { $0[key] } }

  /// Forgets the state.
  ///
  /// - Parameter key: The node's cache key.
  public func remove(_ key: CacheKey) { states.withLock { _ = $0.removeValue(forKey: key) } }
}

/// One node's view of the checkpoint store.
public struct NodeCheckpoint: Sendable {
  private let store: any CheckpointStore
  private let key: CacheKey

  /// Joins a store and a key.
  ///
  /// - Parameters:
  ///   - store: Where states are kept.
  ///   - key: The node's cache key.
  public init(store: any CheckpointStore, key: CacheKey) {
    self.store = store
    self.key = key
  }

  /// Saves the node's state so far.
  ///
  /// - Parameter state: Bytes from which the node can go on to the same result.
  /// - Throws: Any error of writing.
  public func save(_ state: [UInt8]) throws { try store.save(state, for: key) }

  /// The state saved by an earlier run of an equal node, nil when there is none.
  ///
  /// - Returns: The bytes; they may be damaged, and a node must then start over.
  public func load() -> [UInt8]? { store.load(key) }

  /// Forgets the state; the executor calls it when the node is done.
  public func remove() { store.remove(key) }
}
