import ResgraphFiles

/// Looks up types, ports and references of nodes; checks edges by type.
struct NodeResolver {
  var collector = DiagnosticCollector()
  /// The names of the parameters that a node uses.
  var usedParams: Set<String> = []
  /// The defaults that are wrong, as `type.port`.
  ///
  /// Each is reported once, and not for every node.
  private var brokenDefaults: Set<String> = []
  let document: GraphDocument
  private let catalog: NodeCatalog
  let params: [String: ResolvedParam]
  let schemas: [String: NodeSchema]
  let nodeIDs: [String]
  let knownIDs: Set<String>
  let paramNames: [String]

  init(_ document: GraphDocument, catalog: NodeCatalog, params: [String: ResolvedParam]) {
    self.document = document
    self.catalog = catalog
    self.params = params
    let byName = Dictionary(
      catalog.schemas.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    schemas = Dictionary(
      document.nodes.compactMap { node in byName[node.type.text].map { (node.id.text, $0) } },
      uniquingKeysWith: { first, _ in first })
    nodeIDs = document.nodes.map(\.id.text)
    knownIDs = Set(nodeIDs).union(
      document.root.value("nodes")?.entries?.map(\.key) ?? [])
    paramNames = document.params.map(\.name.text)
  }

  /// Resolves all nodes.
  ///
  /// - Returns: The nodes with a known type; `isSound` is false if one of a node's ports is wrong.
  mutating func resolve() -> [(node: ResolvedNode, isSound: Bool)] {
    checkDefaults()
    return document.nodes.compactMap { resolve($0) }
  }

  // MARK: Nodes

  private mutating func checkDefaults() {
    for group in document.defaults {
      guard let schema = catalog.schema(named: group.type.text) else {
        unknownType(group.type, node: nil)
        continue
      }
      for port in group.ports where checkPortName(port.name, schema, node: nil) {
        if bind(port, schema, node: nil) == nil, port.value?.isNull != true {
          brokenDefaults.insert("\(group.type.text).\(port.name.text)")
        }
      }
    }
  }

  private mutating func resolve(
    _ declaration: GraphDocument.NodeDeclaration
  ) -> (node: ResolvedNode, isSound: Bool)? {
    let id = declaration.id.text
    guard !collector.isFull else { return nil }
    guard let type = catalog.type(named: declaration.type.text), let schema = schemas[id] else {
      unknownType(declaration.type, node: id)
      return nil
    }
    let before = collector.errorCount
    if let version = declaration.version, version != schema.version {
      collector.error(
        .outOfRange, "\(schema.name) is not available at this version", at: declaration.type.range,
        .init(expected: "\(schema.name)@\(schema.version)", got: "@\(version)", node: id))
    }
    var bound = BoundPorts()
    bindPorts(declaration, schema, &bound)
    bindDefaults(schema, node: id, &bound)
    checkRequired(declaration, schema, bound)
    let node = ResolvedNode(
      id: id, idRange: declaration.id.range, typeRange: declaration.type.range, type: type,
      schema: schema, isCached: declaration.isCached, bindings: bound.bindings)
    return (node, bound.isSound && collector.errorCount == before)
  }

  /// What the ports of one node receive, as far as it is known.
  private struct BoundPorts {
    var bindings: [String: PortBinding] = [:]
    /// Ports that the node or the defaults of its type give a value, also a wrong one.
    var assigned: Set<String> = []
    /// Whether every value that is given could be bound.
    var isSound = true
  }

  private mutating func bindPorts(
    _ declaration: GraphDocument.NodeDeclaration, _ schema: NodeSchema, _ bound: inout BoundPorts
  ) {
    let id = declaration.id.text
    for port in declaration.ports {
      guard checkPortName(port.name, schema, node: id) else {
        // One mistyped name is one error: the port that was meant is not reported as missing too.
        if let meant = nearestName(to: port.name.text, among: schema.portNames) {
          bound.assigned.insert(meant)
        }
        continue
      }
      bound.assigned.insert(port.name.text)
      bound.bindings[port.name.text] = bind(port, schema, node: id)
      // The reason for a nil may have been reported elsewhere: a parameter without a value, say.
      if bound.bindings[port.name.text] == nil, port.value?.isNull != true {
        bound.isSound = false
      }
    }
  }

  private mutating func bindDefaults(
    _ schema: NodeSchema, node id: String, _ bound: inout BoundPorts
  ) {
    for group in document.defaults where group.type.text == schema.name {
      for port in group.ports where schema.portNames.contains(port.name.text) {
        guard bound.assigned.insert(port.name.text).inserted else { continue }
        if brokenDefaults.contains("\(schema.name).\(port.name.text)") {
          bound.isSound = false
        } else {
          bound.bindings[port.name.text] = bind(port, schema, node: id)
        }
      }
    }
  }

  private mutating func unknownType(_ type: GraphDocument.Name, node: String?) {
    collector.error(
      .unknownType, "there is no node type \(quoted(type.text))", at: type.range,
      .init(
        hint: didYouMean(type.text, among: catalog.names) ?? "list them with `resgraph nodes`",
        node: node))
  }

  private mutating func checkPortName(
    _ name: GraphDocument.Name, _ schema: NodeSchema, node: String?
  ) -> Bool {
    if schema.portNames.contains(name.text) { return true }
    let isOutput = schema.outputs.contains { $0.name == name.text }
    let names = schema.portNames.map { "`\($0)`" }
    collector.error(
      .unknownKey,
      isOutput
        ? "`\(name.text)` is an output of \(schema.name), not an input"
        : "\(schema.name) has no port \(quoted(name.text))",
      at: name.range,
      .init(
        expected: names.isEmpty ? "no port" : "one of " + names.joined(separator: ", "),
        hint: didYouMean(name.text, among: schema.portNames + NodeCatalog.controlKeys),
        node: node, port: name.text))
    return false
  }

  private mutating func checkRequired(
    _ declaration: GraphDocument.NodeDeclaration, _ schema: NodeSchema, _ bound: BoundPorts
  ) {
    let id = declaration.id.text
    for input in schema.inputs where !bound.assigned.contains(input.name) {
      let needsSome = input.arity == .list && input.minimumCount > 0
      guard input.arity == .required || needsSome else { continue }
      missing(input.name, input.typeText, declaration, schema)
    }
    for input in schema.inputs where input.arity == .list {
      guard let binding = bound.bindings[input.name] else { continue }
      let count = if case .list(let items, _) = binding { items.count } else { 1 }
      if count < input.minimumCount {
        collector.error(
          .outOfRange, "`\(input.name)` of `\(id)` (\(schema.name)) has too few values",
          at: binding.range,
          .init(
            expected: "at least \(input.minimumCount)", got: "\(count)", node: id, port: input.name)
        )
      }
    }
    for param in schema.params where param.isRequired && !bound.assigned.contains(param.name) {
      missing(param.name, param.kind.description, declaration, schema)
    }
  }

  private mutating func missing(
    _ port: String, _ type: String, _ declaration: GraphDocument.NodeDeclaration,
    _ schema: NodeSchema
  ) {
    collector.error(
      .missingInput, "`\(declaration.id.text)` (\(schema.name)) has no `\(port)`",
      at: declaration.id.range,
      .init(expected: "`\(port)`: \(type)", node: declaration.id.text, port: port))
  }
}
