import ResgraphFiles

/// Turns a YAML tree into a graph document: checks keys, types and names.
struct GraphReader {
  private(set) var collector = DiagnosticCollector()
  private let root: YAMLNode

  private static let topKeys = [
    "version", "name", "description", "params", "defaults", "imports", "nodes", "matrix", "outputs",
  ]

  /// Reads a document.
  ///
  /// - Parameters:
  ///   - root: The document's root.
  ///   - name: The graph's name when the file gives none.
  /// - Returns: The document with as much as could be read (nil when it is no mapping), and what
  ///   is wrong.
  static func read(
    _ root: YAMLNode, name: String
  ) -> (document: GraphDocument?, collector: DiagnosticCollector) {
    var reader = GraphReader(root)
    let document = reader.document(name: name)
    return (document, reader.collector)
  }

  private init(_ root: YAMLNode) { self.root = root }

  private mutating func document(name: String) -> GraphDocument? {
    guard let entries = root.entries else {
      collector.error(
        .wrongType, "a graph is a mapping", at: startRange(root),
        .init(expected: "`version`, `nodes`, `outputs`", got: root.kindName))
      return nil
    }
    var document = GraphDocument(
      name: name, description: nil, params: [], defaults: [], nodes: [], outputs: [], root: root)
    for entry in entries {
      switch entry.key {
      case "version": checkVersion(entry.value)
      case "name": if let text = fileName(entry) { document.name = text }
      case "description": document.description = text(entry)
      case "params": document.params = params(entry)
      case "defaults": document.defaults = defaults(entry)
      case "nodes": document.nodes = nodes(entry)
      case "outputs": document.outputs = outputs(entry)
      case "imports", "matrix": notSupported(entry)
      default: unknown(entry, in: "the graph", known: Self.topKeys)
      }
    }
    requireKeys(entries)
    return document
  }

  private mutating func requireKeys(_ entries: [YAMLNode.Entry]) {
    for (key, example) in [
      ("version", "version: 1"), ("nodes", "nodes: {name: {type: ...}}"),
      ("outputs", "outputs: {name: $node.port}"),
    ] where !entries.contains(where: { $0.key == key }) {
      collector.error(
        .missingKey, "the graph has no `\(key)`", at: startRange(root),
        .init(expected: "`\(example)`"))
    }
  }

  private mutating func checkVersion(_ value: YAMLNode) {
    guard value.literal != .int(1) else { return }
    collector.error(
      .outOfRange, "this version of the graph language is not known", at: value.range,
      .init(expected: "1", got: value.kindName))
  }

  // MARK: Parameters

  private mutating func params(_ entry: YAMLNode.Entry) -> [GraphDocument.ParamDeclaration] {
    var declarations: [GraphDocument.ParamDeclaration] = []
    for item in mapping(entry) ?? [] {
      guard checkName(item, what: "parameter") else { continue }
      var reader = ParamDeclarationReader(collector: collector)
      if let declaration = reader.read(item) { declarations.append(declaration) }
      collector = reader.collector
    }
    return declarations
  }

  // MARK: Nodes

  private mutating func defaults(_ entry: YAMLNode.Entry) -> [GraphDocument.TypeDefaults] {
    var result: [GraphDocument.TypeDefaults] = []
    for item in mapping(entry) ?? [] {
      guard let ports = mapping(item) else { continue }
      var assignments: [GraphDocument.PortAssignment] = []
      for port in ports where !port.key.hasPrefix("x-") {
        if NodeCatalog.controlKeys.contains(port.key) {
          collector.error(
            .unknownKey, "`\(port.key)` cannot have a default", at: port.keyRange)
        } else {
          let value = Expression.read(port.value, into: &collector)
          assignments.append(.init(name: name(port), value: value))
        }
      }
      result.append(.init(type: name(item), ports: assignments))
    }
    return result
  }

  private mutating func nodes(_ entry: YAMLNode.Entry) -> [GraphDocument.NodeDeclaration] {
    guard let items = mapping(entry) else { return [] }
    if items.isEmpty {
      collector.error(.missingKey, "the graph has no nodes", at: entry.value.range)
    }
    return items.compactMap { checkName($0, what: "node") ? node($0) : nil }
  }

  private mutating func node(_ entry: YAMLNode.Entry) -> GraphDocument.NodeDeclaration? {
    guard let keys = mapping(entry, expected: "`{type: ...}`") else { return nil }
    var type: (name: GraphDocument.Name, version: Int?)?
    var isCached = true
    var note: String?
    var ports: [GraphDocument.PortAssignment] = []
    for key in keys {
      switch key.key {
      case "type": type = nodeType(key.value)
      case "cache": isCached = cachePolicy(key.value)
      case "note": note = text(key)
      case "when", "foreach": notSupported(key)
      case _ where key.key.hasPrefix("x-"): break
      default:
        let value = Expression.read(key.value, into: &collector)
        ports.append(.init(name: name(key), value: value))
      }
    }
    if !keys.contains(where: { $0.key == "type" }) {
      collector.error(
        .missingKey, "node `\(entry.key)` has no `type`", at: entry.keyRange,
        .init(node: entry.key))
    }
    guard let type else { return nil }
    return GraphDocument.NodeDeclaration(
      id: name(entry), type: type.name, version: type.version, isCached: isCached, note: note,
      ports: ports)
  }

  private mutating func nodeType(_ value: YAMLNode) -> (GraphDocument.Name, Int?)? {
    guard case .string(let text)? = value.literal, !text.isEmpty else {
      collector.error(
        .wrongType, "a node's type is a name", at: value.range, .init(got: value.kindName))
      return nil
    }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return (.init(text: text, range: value.range), nil) }
    guard parts.count == 2, let version = Int(parts[1]), version > 0 else {
      collector.error(
        .wrongType, "\(quoted(text)) is not a node type", at: value.range,
        .init(expected: "`Type` or `Type@version`"))
      return nil
    }
    return (.init(text: String(parts[0]), range: value.range), version)
  }

  private mutating func cachePolicy(_ value: YAMLNode) -> Bool {
    switch value.literal {
    case .string("auto"): return true
    case .string("never"): return false
    default:
      collector.error(
        .outOfRange, "unknown cache policy", at: value.range,
        .init(expected: "one of `auto`, `never`", got: value.kindName))
      return true
    }
  }

  // MARK: Outputs

  private mutating func outputs(_ entry: YAMLNode.Entry) -> [GraphDocument.OutputDeclaration] {
    guard let items = mapping(entry) else { return [] }
    if items.isEmpty {
      collector.error(.missingKey, "the graph has no outputs", at: entry.value.range)
    }
    return items.compactMap { checkName($0, what: "output") ? output($0) : nil }
  }

  private mutating func output(_ entry: YAMLNode.Entry) -> GraphDocument.OutputDeclaration? {
    guard let keys = entry.value.entries else {
      return outputValue(entry.value).map { .init(name: name(entry), value: $0, path: nil) }
    }
    var value: Expression?
    var path: GraphDocument.Name?
    for key in keys {
      switch key.key {
      case "value": value = outputValue(key.value)
      case "path":
        if let text = text(key) { path = .init(text: text, range: key.value.range) }
      default: unknown(key, in: "output `\(entry.key)`", known: ["value", "path"])
      }
    }
    if !keys.contains(where: { $0.key == "value" }) {
      collector.error(.missingKey, "output `\(entry.key)` has no `value`", at: entry.keyRange)
    }
    return value.map { .init(name: name(entry), value: $0, path: path) }
  }

  private mutating func outputValue(_ node: YAMLNode) -> Expression? {
    guard let value = Expression.read(node, into: &collector) else { return nil }
    if case .node = value.form { return value }
    collector.error(
      .wrongType, "an output is a reference to a node", at: node.range,
      .init(expected: "`$node` or `$node.port`", got: node.kindName))
    return nil
  }

  // MARK: Parts

  private func name(_ entry: YAMLNode.Entry) -> GraphDocument.Name {
    .init(text: entry.key, range: entry.keyRange)
  }

  private func startRange(_ node: YAMLNode) -> SourceRange {
    SourceRange(file: node.range.file, start: node.range.start)
  }

  private mutating func mapping(
    _ entry: YAMLNode.Entry, expected: String = "a mapping"
  ) -> [YAMLNode.Entry]? {
    if let entries = entry.value.entries { return entries }
    if case .broken = entry.value.content { return nil }
    collector.error(
      .wrongType, "`\(entry.key)` must be a mapping", at: entry.value.range,
      .init(expected: expected, got: entry.value.kindName))
    return nil
  }

  private mutating func text(_ entry: YAMLNode.Entry) -> String? {
    if case .string(let text)? = entry.value.literal { return text }
    collector.error(
      .wrongType, "`\(entry.key)` must be a text", at: entry.value.range,
      .init(expected: "string", got: entry.value.kindName))
    return nil
  }

  /// The graph's name, which becomes a folder's name.
  private mutating func fileName(_ entry: YAMLNode.Entry) -> String? {
    guard let name = text(entry) else { return nil }
    if name.isEmpty || name.hasPrefix(".") || name.utf8.count > 200
      || name.contains(where: { "/\\".contains($0) || $0.isNewline })
    {
      collector.error(
        .badName, "the graph's name cannot be a folder's name", at: entry.value.range,
        .init(expected: "a text without slashes that does not start with a full stop"))
      return nil
    }
    return name
  }

  private mutating func checkName(_ entry: YAMLNode.Entry, what: String) -> Bool {
    if ReferenceSyntax.isName(entry.key),
      what != "node" || !ReferenceSyntax.reservedNames.contains(entry.key)
    {
      return true
    }
    let isReserved = ReferenceSyntax.reservedNames.contains(entry.key)
    collector.error(
      .badName,
      isReserved ? "`\(entry.key)` is reserved" : "\(quoted(entry.key)) cannot name a \(what)",
      at: entry.keyRange,
      .init(expected: isReserved ? nil : "letters, digits, `_` and `-`, starting with a letter"))
    return false
  }

  private mutating func notSupported(_ entry: YAMLNode.Entry) {
    collector.error(
      .notSupported, "`\(entry.key)` is not supported in this version", at: entry.keyRange)
  }

  private mutating func unknown(_ entry: YAMLNode.Entry, in place: String, known: [String]) {
    if entry.key.hasPrefix("x-") { return }
    collector.error(
      .unknownKey, "unknown key `\(entry.key)` in \(place)", at: entry.keyRange,
      .init(
        expected: "one of " + known.map { "`\($0)`" }.joined(separator: ", "),
        hint: didYouMean(entry.key, among: known)))
  }
}
