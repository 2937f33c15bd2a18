/// The value of a node's port: a literal, an output of another node, or a list of them.
public indirect enum PortBinding: Sendable {
  /// A plain value.
  case literal(Literal, ValueOrigin)
  /// The output of another node.
  case output(node: String, port: String, SourceRange)
  /// Several values in order, at least one of them from a node.
  case list([PortBinding], SourceRange)

  /// Where the binding is written.
  public var range: SourceRange {
    switch self {
    case .literal(_, let origin): origin.range
    case .output(_, _, let range), .list(_, let range): range
    }
  }

  /// The outputs that it needs, in order.
  public var sources: [(node: String, port: String, range: SourceRange)] {
    switch self {
    case .literal: []
    case .output(let node, let port, let range): [(node, port, range)]
    case .list(let items, _): items.flatMap(\.sources)
    }
  }
}

/// A node with its names looked up.
public struct ResolvedNode: Sendable {
  /// The node's name in the graph.
  public let id: String
  /// Where the name stands.
  public let idRange: SourceRange
  /// Where the type stands.
  public let typeRange: SourceRange
  /// Its type.
  public let type: any NodeType.Type
  /// Its type's declaration.
  public let schema: NodeSchema
  /// Whether its results may be kept for another run.
  public let isCached: Bool
  /// The bindings of its ports.
  ///
  /// Ports without a value are absent.
  public let bindings: [String: PortBinding]

  /// The names of the nodes it depends on, in order of its ports, each once.
  public var dependencies: [String] {
    var seen: Set<String> = []
    return schema.portNames.flatMap { bindings[$0]?.sources ?? [] }.map(\.node)
      .filter { seen.insert($0).inserted }
  }

  /// The node in words: `` `wide` (ResAdapterLoad) ``.
  public var title: String { "`\(id)` (\(type.name))" }
}
