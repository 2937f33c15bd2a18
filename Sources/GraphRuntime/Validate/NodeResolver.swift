/// Looks up types, ports and references of nodes; checks edges by type.
struct NodeResolver {
  private(set) var collector = DiagnosticCollector()
  /// Names of parameters that some node uses.
  private(set) var usedParams: Set<String> = []
  /// Defaults that are wrong, as `type.port`: reported once, not for every node.
  private var brokenDefaults: Set<String> = []
  private let document: GraphDocument
  private let catalog: NodeCatalog
  private let params: [String: ResolvedParam]
  private let schemas: [String: NodeSchema]
  private let nodeIDs: [String]
  private let knownIDs: Set<String>
  private let paramNames: [String]

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
  /// - Returns: The nodes with a known type; `isSound` tells whether all its ports are well bound.
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
    var bindings: [String: PortBinding] = [:]
    var assigned: Set<String> = []
    var isBound = true
    for port in declaration.ports {
      guard checkPortName(port.name, schema, node: id) else {
        // The port that was meant is not missing as well.
        if let meant = nearestName(to: port.name.text, among: schema.portNames) {
          assigned.insert(meant)
        }
        continue
      }
      assigned.insert(port.name.text)
      bindings[port.name.text] = bind(port, schema, node: id)
      // What is behind a nil may have been reported elsewhere: a parameter without a value, say.
      if bindings[port.name.text] == nil, port.value?.isNull != true { isBound = false }
    }
    for group in document.defaults where group.type.text == schema.name {
      for port in group.ports
      where schema.portNames.contains(port.name.text) && assigned.insert(port.name.text).inserted {
        if brokenDefaults.contains("\(schema.name).\(port.name.text)") {
          isBound = false
        } else {
          bindings[port.name.text] = bind(port, schema, node: id)
        }
      }
    }
    checkRequired(declaration, schema, assigned: assigned, bindings: bindings)
    let node = ResolvedNode(
      id: id, idRange: declaration.id.range, typeRange: declaration.type.range, type: type,
      schema: schema, isCached: declaration.isCached, bindings: bindings)
    return (node, isBound && collector.errorCount == before)
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
    _ declaration: GraphDocument.NodeDeclaration, _ schema: NodeSchema, assigned: Set<String>,
    bindings: [String: PortBinding]
  ) {
    let id = declaration.id.text
    for input in schema.inputs where !assigned.contains(input.name) {
      let needsSome = input.arity == .list && input.minimumCount > 0
      guard input.arity == .required || needsSome else { continue }
      missing(input.name, input.typeText, declaration, schema)
    }
    for input in schema.inputs where input.arity == .list {
      guard let binding = bindings[input.name] else { continue }
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
    for param in schema.params where param.isRequired && !assigned.contains(param.name) {
      missing(param.name, param.type, declaration, schema)
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

  // MARK: Ports

  /// Binds one port; nil when it is wrong or not given.
  private mutating func bind(
    _ port: GraphDocument.PortAssignment, _ schema: NodeSchema, node: String?
  ) -> PortBinding? {
    let name = port.name.text
    let slot: Slot
    if let input = schema.inputs.first(where: { $0.name == name }) {
      slot = Slot(input, node: node, type: schema.name)
    } else if let param = schema.params.first(where: { $0.name == name }) {
      let kind = catalog.kind(ofParam: name, type: schema.name) ?? .string
      slot = Slot(param, kind: kind, node: node, type: schema.name)
    } else {
      return nil
    }
    return port.value.flatMap { bind($0, slot) }
  }

  private mutating func bind(_ value: Expression, _ slot: Slot) -> PortBinding? {
    switch value.form {
    case .literal(.null) where slot.isOptional: return nil
    case .literal(let literal): return plain(literal, .init(range: value.range), slot)
    case .param(let name):
      guard let param = param(name, at: value.range) else { return nil }
      var origin = param.origin
      origin.param = name
      return plain(param.value, origin, slot)
    case .text(let pieces): return text(pieces, at: value.range, slot)
    case .node(let id, let port): return edge(id, port, at: value.range, slot)
    case .list(let items): return list(items, at: value.range, slot)
    }
  }

  private mutating func plain(
    _ literal: Literal, _ origin: ValueOrigin, _ slot: Slot
  ) -> PortBinding? {
    guard slot.acceptsLiteral else {
      collector.error(
        .wrongType, "`\(slot.port)`\(slot.owner) takes the output of a node", at: origin.range,
        .init(
          expected: "a reference to \(slot.typeNames[0])", got: literal.summary,
          hint: hintForBareName(literal), node: slot.node, port: slot.port))
      return nil
    }
    return .literal(ParamTyping.resolveRandomSeed(literal, kind: slot.kind ?? .string), origin)
  }

  private func hintForBareName(_ literal: Literal) -> String? {
    guard case .string(let text) = literal else { return nil }
    let head = text.prefix { $0 != "." }
    return knownIDs.contains(String(head)) ? "write `$\(text)`" : nil
  }

  private mutating func text(
    _ pieces: [Expression.Piece], at range: SourceRange, _ slot: Slot
  ) -> PortBinding? {
    var result = ""
    var origin = ValueOrigin(range: range)
    for piece in pieces {
      switch piece {
      case .text(let text): result += text
      case .param(let name):
        guard let param = param(name, at: range) else { return nil }
        // A text that begins with a path from elsewhere is a path from there.
        if result.isEmpty { origin.folder = param.origin.folder }
        result += param.value.interpolated
      }
    }
    return plain(.string(result), origin, slot)
  }

  private mutating func param(_ name: String, at range: SourceRange) -> ResolvedParam? {
    usedParams.insert(name)
    if let param = params[name] { return param }
    // A declared parameter without a value has been reported already.
    if !(document.root.value("params")?.entries ?? []).contains(where: { $0.key == name }) {
      collector.error(
        .unknownReference, "the graph has no parameter `\(name)`", at: range,
        .init(hint: didYouMean(name, among: paramNames)))
    }
    return nil
  }

  private mutating func list(
    _ items: [Expression], at range: SourceRange, _ slot: Slot
  ) -> PortBinding? {
    guard slot.isList else {
      collector.error(
        .wrongType, "`\(slot.port)`\(slot.owner) takes one value", at: range,
        .init(
          expected: slot.typeNames.joined(separator: " or "), got: "a list", node: slot.node,
          port: slot.port))
      return nil
    }
    let bindings = items.compactMap { bind($0, slot.element) }
    guard bindings.count == items.count else { return nil }
    var literals: [Literal] = []
    var origin = ValueOrigin(range: range)
    for case .literal(let literal, let itemOrigin) in bindings {
      literals.append(literal)
      origin.folder = origin.folder ?? itemOrigin.folder
    }
    if literals.count == bindings.count, slot.acceptsLiteral {
      return .literal(.list(literals), origin)
    }
    return .list(bindings, range)
  }

  // MARK: Edges

  private mutating func edge(
    _ id: String, _ port: String?, at range: SourceRange, _ slot: Slot
  ) -> PortBinding? {
    guard let output = output(id, port, at: range, wanted: slot) else { return nil }
    guard slot.typeNames.contains(output.type) else {
      let fitting = candidates(for: slot)
      collector.error(
        .portType, "`\(slot.port)`\(slot.owner) does not take \(output.type)", at: range,
        .init(
          expected: slot.typeNames.isEmpty
            ? slot.kind?.description : slot.typeNames.joined(separator: " or "),
          got: "\(output.type), from node `\(id)`\(typeNote(id))",
          hint: fitting.count == 1 ? "did you mean `\(fitting[0])`?" : nil, node: slot.node,
          port: slot.port))
      return nil
    }
    return .output(node: id, port: output.name, range)
  }

  /// Finds the output that a reference names.
  ///
  /// - Parameters:
  ///   - id: The node.
  ///   - port: The port, nil for the only one.
  ///   - range: Where the reference stands.
  ///   - wanted: What it is for, nil for an output of the graph.
  /// - Returns: The output, nil when the reference is wrong or its node is.
  mutating func output(
    _ id: String, _ port: String?, at range: SourceRange, wanted: Slot?
  ) -> NodeSchema.OutputSchema? {
    guard let schema = schemas[id] else {
      if !knownIDs.contains(id) {
        let isParam = paramNames.contains(id)
        collector.error(
          .unknownReference, "there is no node `\(id)`", at: range,
          .init(
            hint: isParam ? "write `$params.\(id)`" : didYouMean(id, among: nodeIDs),
            node: wanted?.node, port: wanted?.port))
      }
      return nil
    }
    if let port {
      if let output = schema.outputs.first(where: { $0.name == port }) { return output }
      collector.error(
        .unknownReference, "node `\(id)` (\(schema.name)) has no output `\(port)`", at: range,
        .init(
          expected: "one of "
            + schema.outputs.map { "`$\(id).\($0.name)`" }.joined(separator: ", "),
          hint: didYouMean(port, among: schema.outputs.map(\.name)), node: wanted?.node,
          port: wanted?.port))
      return nil
    }
    if schema.outputs.count == 1 { return schema.outputs[0] }
    let fitting = schema.outputs.filter { wanted?.typeNames.contains($0.type) ?? false }
    collector.error(
      .badReference, "node `\(id)` (\(schema.name)) has several outputs", at: range,
      .init(
        expected: "one of " + schema.outputs.map { "`$\(id).\($0.name)`" }.joined(separator: ", "),
        hint: fitting.count == 1 ? "did you mean `$\(id).\(fitting[0].name)`?" : nil,
        node: wanted?.node, port: wanted?.port))
    return nil
  }

  private func typeNote(_ id: String) -> String { schemas[id].map { " (\($0.name))" } ?? "" }

  /// All references that would fit a port, as a graph would write them.
  private func candidates(for slot: Slot) -> [String] {
    var result: [String] = []
    for id in nodeIDs where id != slot.node {
      guard let outputs = schemas[id]?.outputs else { continue }
      for output in outputs where slot.typeNames.contains(output.type) {
        result.append(outputs.count == 1 ? "$\(id)" : "$\(id).\(output.name)")
        if result.count > 1 { return result }
      }
    }
    return result
  }
}

/// The place a value is for.
struct Slot {
  let port: String
  let node: String?
  let nodeType: String
  /// Names of the port types taken.
  let typeNames: [String]
  /// For parameters, the kind of value.
  let kind: ParamKind?
  let acceptsLiteral: Bool
  let isOptional: Bool
  let isList: Bool

  init(_ input: NodeSchema.InputSchema, node: String?, type: String) {
    port = input.name
    self.node = node
    nodeType = type
    typeNames = [input.type]
    kind = nil
    acceptsLiteral = input.acceptsLiteral
    isOptional = input.arity == .optional
    isList = input.arity == .list
  }

  init(_ param: NodeSchema.ParamSchema, kind: ParamKind, node: String?, type: String) {
    port = param.name
    self.node = node
    nodeType = type
    self.kind = kind
    if case .list(let element) = kind {
      typeNames = element.portTypeNames
      isList = true
    } else {
      typeNames = kind.portTypeNames
      isList = false
    }
    acceptsLiteral = true
    isOptional = param.defaultValue == "null"
  }

  private init(elementOf list: Slot) {
    port = list.port
    node = list.node
    nodeType = list.nodeType
    typeNames = list.typeNames
    if case .list(let element) = list.kind { kind = element } else { kind = list.kind }
    acceptsLiteral = list.acceptsLiteral
    isOptional = false
    isList = false
  }

  /// The place of one item of a list.
  var element: Slot { Slot(elementOf: self) }

  /// ` of `node` (Type)`, or ` of Type` among the defaults.
  var owner: String { node.map { " of `\($0)` (\(nodeType))" } ?? " of \(nodeType)" }
}
