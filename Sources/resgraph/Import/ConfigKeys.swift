import GraphRuntime
import ResgraphFiles

/// Reads values of a configuration one by one, and remembers which keys were not read.
struct ConfigKeys {
  private let entries: [YAMLNode.Entry]
  private let root: YAMLNode
  private var asked: Set<String> = []
  private(set) var found: [Diagnostic] = []

  init(_ root: YAMLNode) {
    self.root = root
    entries = root.entries ?? []
    if root.entries == nil { error("a configuration is a mapping", at: root) }
  }

  /// Whether nothing is wrong so far.
  var isSound: Bool { !found.contains { $0.severity == .error } }

  /// The place of a key's value; the start of the document for keys that are missing.
  private func range(_ key: String) -> SourceRange { node(key)?.range ?? root.range }

  private func node(_ key: String) -> YAMLNode? { entries.first { $0.key == key }?.value }

  private mutating func error(
    _ message: String, at node: YAMLNode, expected: String? = nil, got: String? = nil
  ) {
    found.append(
      Diagnostic(.wrongType, message, at: node.range, .init(expected: expected, got: got)))
  }

  /// Notes that a value cannot be used.
  mutating func error(_ key: String, _ message: String, expected: String? = nil) {
    found.append(
      Diagnostic(
        node(key) == nil ? .missingKey : .outOfRange, "`\(key)`: \(message)", at: range(key),
        .init(expected: expected, got: node(key)?.kindName)))
  }

  /// Adds a warning.
  mutating func warn(_ key: String, _ message: String) {
    found.append(
      Diagnostic(
        .notSupported, "`\(key)`: \(message)", at: range(key), .init(severity: .warning)))
  }

  /// Marks keys as known although they have no effect, and returns those that are present.
  mutating func ignore(_ keys: [String]) -> [String] {
    asked.formUnion(keys)
    return keys.filter { node($0) != nil }
  }

  /// The value of a key; nil where it is absent or null.
  private mutating func literal(_ key: String) -> Literal? {
    asked.insert(key)
    guard let node = node(key) else { return nil }
    guard let literal = node.literal else {
      error("`\(key)` takes one value", at: node, got: node.kindName)
      return nil
    }
    return literal == .null ? nil : literal
  }

  mutating func text(_ key: String) -> String? {
    switch literal(key) {
    case nil: return nil
    case .string(let text): return text
    case let other?:
      error(key, "a text is wanted", expected: "a text")
      return other.description
    }
  }

  mutating func number(_ key: String) -> Double? {
    switch literal(key) {
    case nil: return nil
    case .int(let number): return Double(number)
    case .float(let number) where number.isFinite: return number
    default:
      error(key, "a number is wanted", expected: "a number")
      return nil
    }
  }

  mutating func whole(_ key: String, in range: ClosedRange<Int>) -> Int? {
    switch literal(key) {
    case nil: return nil
    case .int(let number) where range.contains(Int(clamping: number)):
      return Int(clamping: number)
    default:
      let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
      error(key, "a whole number is wanted", expected: expected)
      return nil
    }
  }

  mutating func flag(_ key: String) -> Bool? {
    switch literal(key) {
    case nil: return nil
    case .bool(let flag): return flag
    default:
      error(key, "true or false is wanted", expected: "true or false")
      return nil
    }
  }

  /// A list of texts; empty where the key is absent or null.
  mutating func texts(_ key: String) -> [String] {
    asked.insert(key)
    guard let node = node(key), node.literal != .null else { return [] }
    guard let items = node.items else {
      error(key, "a list is wanted", expected: "a list of texts")
      return []
    }
    return items.compactMap { item in
      if case .string(let text)? = item.literal { return text }
      error("`\(key)` takes texts", at: item, expected: "a text", got: item.kindName)
      return nil
    }
  }

  /// Warns of every key that nobody asked for.
  mutating func reportUnknown() {
    for entry in entries where !asked.contains(entry.key) {
      let hint = didYouMean(entry.key, among: asked.sorted())
      found.append(
        Diagnostic(
          .unknownKey, "`\(entry.key)` is not translated", at: entry.keyRange,
          .init(hint: hint, severity: .warning)))
    }
  }

  /// The keys that nobody asked for.
  var unknown: [String] { entries.map(\.key).filter { !asked.contains($0) } }
}
