/// A value of a YAML document with its place in the text.
public struct YAMLNode: Sendable {
  /// What the node holds.
  public indirect enum Content: Sendable {
    /// A single value; its type is resolved by the rules of YAML 1.2's core schema.
    case scalar(Literal, source: String)
    /// A sequence.
    case sequence([YAMLNode])
    /// A mapping, in the order of the text; keys are unique.
    case mapping([Entry])
    /// A value that could not be understood; the error has been reported.
    case broken
  }

  /// A key of a mapping and its value.
  public struct Entry: Sendable {
    /// The key's text.
    public var key: String
    /// Where the key stands.
    public var keyRange: SourceRange
    /// The value that stands behind the key.
    public var value: YAMLNode
  }

  /// What the node holds.
  public var content: Content
  /// Where it stands.
  public var range: SourceRange

  /// The node's kind in words, for messages.
  public var kindName: String {
    switch content {
    case .scalar(let literal, _): literal.summary
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .broken: "a value that cannot be read"
    }
  }

  /// The entries of a mapping, nil for anything else.
  public var entries: [Entry]? {
    if case .mapping(let entries) = content { return entries }
    return nil
  }

  /// The items of a sequence, nil for anything else.
  public var items: [YAMLNode]? {
    if case .sequence(let items) = content { return items }
    return nil
  }

  /// The value of a scalar, nil for anything else.
  public var literal: Literal? {
    if case .scalar(let literal, _) = content { return literal }
    return nil
  }

  /// The value of a key of a mapping.
  ///
  /// - Parameter key: The key.
  /// - Returns: The value, nil when there is none or this is no mapping.
  public func value(_ key: String) -> YAMLNode? { entries?.first { $0.key == key }?.value }
}

/// How large a document may be.
public struct YAMLLimits: Sendable {
  /// Bytes of text.
  public var byteCount = 4 << 20
  /// How deep collections may be nested.
  public var depth = 64
  /// The number of nodes after every alias has been expanded.
  public var nodeCount = 100_000
  /// Bytes of all scalars after every alias is replaced.
  public var scalarByteCount = 16 << 20

  /// The limits for graph files.
  public init() {}
}
