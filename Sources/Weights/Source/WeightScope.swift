import Synchronization
public import TensorRuntime

/// A path inside a weight source, from which a model is built member by member.
///
/// All scopes that descend from one root share the record of which tensors were used, so that
/// `verifyAllUsed` on the root finds tensors that no member asked for.
public struct WeightScope: Sendable {
  /// The dotted path of this scope; empty at the root.
  public let path: String
  /// The source that the scope reads.
  public let source: any WeightSource
  /// What is trained, by path; nil for a model that stays as it is.
  package let trainable: TrainableLayers?
  private let used: UsedKeys

  /// Makes the root scope of a source.
  ///
  /// - Parameter source: The weights of one model.
  public init(_ source: any WeightSource) {
    self.init(source, trainable: nil)
  }

  /// Makes the root scope of a model that is to be trained.
  package init(_ source: any WeightSource, trainable: TrainableLayers?) {
    self.source = source
    self.trainable = trainable
    path = ""
    used = UsedKeys()
  }

  private init(_ parent: WeightScope, child: String) {
    source = parent.source
    trainable = parent.trainable
    used = parent.used
    path = parent.key(child)
  }

  /// The scope of a member.
  ///
  /// A name with dots descends several levels.
  public subscript(_ child: String) -> WeightScope { WeightScope(self, child: child) }

  /// The scope of a list element.
  public subscript(_ index: Int) -> WeightScope { WeightScope(self, child: String(index)) }

  private func key(_ name: String) -> String {
    if path.isEmpty { return name }
    return name.isEmpty ? path : path + "." + name
  }

  /// Whether a tensor of that name, or anything below it, exists here.
  ///
  /// - Parameter name: A tensor's or a member's name, relative to this scope.
  /// - Returns: True when the source has the tensor or a tensor inside the member.
  public func has(_ name: String) -> Bool {
    let key = key(name)
    if source.entry(key) != nil { return true }
    let prefix = key + "."
    let keys = source.keys
    let index = lowerBound(of: prefix, in: keys)
    return index < keys.count && keys[index].hasPrefix(prefix)
  }

  /// The type and shape of a tensor of this scope, from the header.
  ///
  /// - Parameter name: The tensor's name, relative to this scope.
  /// - Returns: Its type and shape, or nil when there is none.
  public func entry(_ name: String) -> WeightEntry? { source.entry(key(name)) }

  /// A tensor that the model needs.
  ///
  /// - Parameters:
  ///   - name: The tensor's name, relative to this scope.
  ///   - shape: The shape the model needs.
  /// - Returns: The tensor as stored or merged.
  /// - Throws: `WeightError` with the full path when it is missing, unreadable or of another shape.
  public func tensor(_ name: String, shape: [Int]) throws -> RawTensor {
    let key = key(name)
    guard let entry = source.entry(key) else {
      // The source throws the error that says why there is no such tensor: it may be absent, or of
      // a type that is not read.
      _ = try source.tensor(key)
      throw source.missing(key)
    }
    guard entry.shape == shape else {
      throw WeightError.shapeMismatch(
        source: source.location, key: key, expected: shape, found: entry.shape)
    }
    used.insert(key)
    return try source.tensor(key)
  }

  /// Checks that every tensor below this scope was used.
  ///
  /// - Parameter ignored: Returns true for a full key that may stay unused.
  /// - Throws: `WeightError.unusedTensors` with the names of the tensors that were not used.
  public func verifyAllUsed(except ignored: (String) -> Bool = { _ in false }) throws {
    let prefix = path.isEmpty ? "" : path + "."
    let left = used.unused(of: source.keys).filter { $0.hasPrefix(prefix) && !ignored($0) }
    guard left.isEmpty else {
      throw WeightError.unusedTensors(source: source.location, keys: left)
    }
  }
}

/// The first index in sorted `keys` whose name is not below `name`.
func lowerBound(of name: String, in keys: [String]) -> Int {
  var low = 0
  var high = keys.count
  while low < high {
    let middle = (low + high) / 2
    if keys[middle] < name { low = middle + 1 } else { high = middle }
  }
  return low
}

/// The keys that were used, which all scopes of one root share.
private final class UsedKeys: Sendable {
  private let keys = Mutex<Set<String>>([])

  func insert(_ key: String) { keys.withLock { _ = $0.insert(key) } }

  func unused(of all: [String]) -> [String] {
    keys.withLock { used in all.filter { !used.contains($0) } }
  }
}
