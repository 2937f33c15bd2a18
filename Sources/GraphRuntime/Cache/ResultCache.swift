/// A value that is there, or that is read when somebody needs it.
public struct LazyValue: Sendable {
  private let read: @Sendable () throws -> any PortValue

  /// Holds a value.
  ///
  /// - Parameter value: The value.
  public init(_ value: any PortValue) { read = { value } }

  /// Promises a value.
  ///
  /// - Parameter read: Reads the value; called each time somebody asks for it.
  public init(read: @escaping @Sendable () throws -> any PortValue) { self.read = read }

  /// Reads the value, from its file when it comes from one.
  ///
  /// - Returns: The value, read anew each time when it is kept outside memory.
  /// - Throws: `LostResult` when the cache that promised it has lost it.
  public func value() throws -> any PortValue { try read() }
}

/// A cache has lost a result that it had when the run was planned.
///
/// The cache does not find that result again, so that a new plan computes it.
public struct LostResult: Error, Hashable {
  /// The key of the node whose result it was.
  public var key: CacheKey

  /// Names a lost result.
  ///
  /// - Parameter key: The key of the node whose result it was.
  public init(key: CacheKey) { self.key = key }
}

/// The outputs of a node, found in a cache.
public struct CachedResult: Sendable {
  /// The outputs by port.
  public var outputs: [String: LazyValue]
  /// Where they were found, for people: `memory` or `disk`.
  public var source: String

  /// Describes a result.
  ///
  /// - Parameters:
  ///   - outputs: The outputs by port.
  ///   - source: Where they were found.
  public init(outputs: [String: LazyValue], source: String) {
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
  /// - Parameters:
  ///   - key: The node's key.
  ///   - type: The node's type, whose declaration says what the outputs are.
  /// - Returns: All outputs, nil when they are not there or damaged.
  func find(_ key: CacheKey, of type: any NodeType.Type) -> CachedResult?
  /// Keeps the outputs of a node.
  ///
  /// - Parameters:
  ///   - outputs: The outputs by port.
  ///   - key: The node's key.
  ///   - type: The node's type.
  ///   - seconds: How long it took to compute them.
  func store(
    _ outputs: [String: any PortValue], for key: CacheKey, of type: any NodeType.Type,
    seconds: Double)
}
