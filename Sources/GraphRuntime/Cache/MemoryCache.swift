import Synchronization

/// Keeps results in memory, the least recently used going first.
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

  /// Each entry counts this many bytes beside its values, so that scalars do not pile up.
  static let entryOverhead = 512

  /// Makes an empty cache.
  ///
  /// - Parameter byteLimit: How many bytes of values are kept at most.
  public init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// How many bytes are kept now.
  public var byteCount: Int { state.withLock { $0.byteCount } }

  /// Finds the outputs of an equal node.
  public func find(_ key: CacheKey, of type: any NodeType.Type) -> CachedResult? {
    state.withLock { state in
      guard var entry = state.entries[key] else { return nil }
      state.clock += 1
      entry.lastUse = state.clock
      state.entries[key] = entry
      return CachedResult(outputs: entry.outputs.mapValues { LazyValue($0) }, source: "memory")
    }
  }

  /// Keeps the outputs of a node, if they fit, and drops others to make room.
  public func store(
    _ outputs: [String: any PortValue], for key: CacheKey, of type: any NodeType.Type,
    seconds: Double
  ) {
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
