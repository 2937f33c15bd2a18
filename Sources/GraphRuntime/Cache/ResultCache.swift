import Synchronization

/// The outputs of a node, found in a cache.
public struct CachedResult: Sendable {
  /// The outputs by port.
  public var outputs: [String: any PortValue]
  /// Where they were found, for people: `memory`.
  public var source: String

  /// Describes a result.
  ///
  /// - Parameters:
  ///   - outputs: The outputs by port.
  ///   - source: Where they were found.
  public init(outputs: [String: any PortValue], source: String) {
    self.outputs = outputs
    self.source = source
  }
}

/// Keeps outputs of nodes under their keys.
///
/// It may forget anything at any time.
public protocol ResultCache: Sendable {
  /// Finds the outputs of an equal node.
  ///
  /// - Parameter key: The node's key.
  /// - Returns: All outputs, nil when they are not there or damaged.
  func find(_ key: CacheKey) -> CachedResult?
  /// Keeps the outputs of a node.
  ///
  /// - Parameters:
  ///   - outputs: The outputs by port.
  ///   - key: The node's key.
  ///   - seconds: How long it took to compute them.
  func store(_ outputs: [String: any PortValue], for key: CacheKey, seconds: Double)
}

/// Keeps results in memory, and drops the least recently used ones when they are too many.
public final class MemoryCache: ResultCache {
  private struct Entry {
    var outputs: [String: any PortValue]
    var byteCount: Int
    var lastUse: UInt64
  }

  private struct State {
    var entries: [CacheKey: Entry] = [:]
    var byteCount = 0
    var clock: UInt64 = 0
  }

  /// How many bytes of values are kept at most.
  public let byteLimit: Int
  private let state = Mutex(State())

  /// The bytes that an entry counts beside its values, so that scalars do not accumulate without
  /// limit.
  static let entryOverhead = 512

  /// Makes an empty cache.
  ///
  /// - Parameter byteLimit: How many bytes of values are kept at most.
  public init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// How many bytes are kept now.
  public var byteCount: Int { state.withLock { $0.byteCount } }

  /// Finds the outputs of an equal node.
  ///
  /// - Parameter key: The node's key.
  /// - Returns: All outputs, nil when they are not there.
  public func find(_ key: CacheKey) -> CachedResult? {
    state.withLock { state in
      guard var entry = state.entries[key] else { return nil }
      state.clock += 1
      entry.lastUse = state.clock
      state.entries[key] = entry
      return CachedResult(outputs: entry.outputs, source: "memory")
    }
  }

  /// Keeps the outputs of a node, if they fit, and drops others to make room.
  ///
  /// - Parameters:
  ///   - outputs: The outputs by port.
  ///   - key: The node's key.
  ///   - seconds: How long it took to compute them; all results count alike here.
  public func store(_ outputs: [String: any PortValue], for key: CacheKey, seconds: Double) {
    let bytes = outputs.values.reduce(Self.entryOverhead) { sum, value in
      let (total, overflow) = sum.addingReportingOverflow(max(0, value.byteCount))
      return overflow ? .max : total
    }
    guard bytes <= byteLimit else { return }
    state.withLock { state in
      if let old = state.entries.removeValue(forKey: key) { state.byteCount -= old.byteCount }
      while state.byteCount > byteLimit - bytes {
        guard let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
          break
        }
        state.entries.removeValue(forKey: oldest.key)
        state.byteCount -= oldest.value.byteCount
      }
      state.clock += 1
      state.entries[key] = Entry(outputs: outputs, byteCount: bytes, lastUse: state.clock)
      state.byteCount += bytes
    }
  }

  /// Forgets everything.
  public func removeAll() { state.withLock { $0 = State() } }
}
