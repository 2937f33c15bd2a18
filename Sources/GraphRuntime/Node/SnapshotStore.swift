import Synchronization

/// Keeps the state of unfinished nodes, so that a later run goes on where one stopped.
///
/// A state, or snapshot, is opaque bytes under the node's cache key. A store may lose it at any
/// time; the node then starts over.
public protocol SnapshotStore: Sendable {
  /// How many seconds lie between two saved states at least; 0 to save one after every step.
  var interval: Double { get }
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

extension SnapshotStore {
  /// 0: a state is saved after every step.
  public var interval: Double { 0 }
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
