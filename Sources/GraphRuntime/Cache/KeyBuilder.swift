import ResgraphFiles

/// Computes the cache keys of a graph's nodes, in the order of their dependencies.
struct KeyBuilder {
  private(set) var keys: [String: CacheKey] = [:]
  private(set) var records: [String: KeyRecord] = [:]
  /// The first node of each key.
  private(set) var firstNodes: [CacheKey: String] = [:]
  /// Nodes whose keys hold what the file system says of a file, here or above them.
  private(set) var provisional: Set<String> = []
  /// What the file system says of every file that is named, by path.
  private(set) var identities: [String: String] = [:]
  private let graph: ValidatedGraph
  private let mode: FileKeys
  private let allowance = DigestAllowance()

  /// Prepares to compute keys.
  ///
  /// - Parameters:
  ///   - graph: The graph.
  ///   - mode: What of the files that nodes name goes into their keys.
  init(_ graph: ValidatedGraph, _ mode: FileKeys) {
    self.graph = graph
    self.mode = mode
  }

  /// Computes the keys of some nodes.
  ///
  /// - Parameters:
  ///   - graph: The graph.
  ///   - needed: The nodes, with all that they depend on.
  ///   - mode: What of the files that nodes name goes into their keys.
  /// - Throws: `NodeFailure` when a file cannot be read; `RunCancelled`.
  init(_ graph: ValidatedGraph, needed: Set<String>, _ mode: FileKeys) throws {
    self.init(graph, mode)
    for node in graph.nodes where needed.contains(node.id) {
      do {
        try add(node)
      } catch let error as RunCancelled {
        throw error
      } catch {
        throw NodeFailure(error, node: node, graph: graph)
      }
    }
  }

  /// Adds the key of a node.
  ///
  /// The keys of the nodes on which it depends must have been added before.
  ///
  /// - Parameter node: The node.
  /// - Throws: Any error of reading files that the node names.
  mutating func add(_ node: ResolvedNode) throws {
    let instance = NodeInstance(node.type)
    let binder = PortBinder(files: graph.environment.files) { [graph] id, port in
      graph.value(node: id, port: port)
    }
    let result = binder.bind(instance, node)
    if let problem = result.problems.first {
      // The graph was valid a moment ago, so a file must have been removed since.
      throw NodeError(
        "`\(problem.port)` is no longer valid", port: problem.port,
        expected: problem.mismatch.expected, got: problem.mismatch.got,
        status: problem.mismatch.reason == .missingFile ? .missingFile : .invalid)
    }
    // A light node may find out from its outputs which files it reads.
    for output in instance.outputs {
      if let value = graph.value(node: node.id, port: output.name) { output.port.take(value) }
    }
    for path in instance.inputPaths where identities[path] == nil {
      identities[path] = graph.environment.files.identity(path)
    }
    let record = KeyRecord(
      type: node.type.name, version: node.type.version,
      numericMode: graph.environment.numericMode,
      params: Dictionary(
        uniqueKeysWithValues: instance.params.map { ($0.name, part($0, node)) }),
      inputs: inputs(instance, node), contents: try contents(instance, node))
    if !provisional.isDisjoint(with: node.dependencies) { provisional.insert(node.id) }
    records[node.id] = record
    let key = node.type.isPure && node.isCached ? record.key : CacheKey.unique()
    keys[node.id] = key
    if firstNodes[key] == nil { firstNodes[key] = node.id }
  }

  private func part(_ param: Named<any AnyParam>, _ node: ResolvedNode) -> KeyRecord.Part {
    if let literal = param.port.effectiveLiteral {
      return param.port.inputPaths.isEmpty ? .literal(literal) : .file
    }
    return node.bindings[param.name].map(part) ?? .literal(.null)
  }

  private func inputs(
    _ instance: NodeInstance, _ node: ResolvedNode
  ) -> [String: KeyRecord.Part] {
    var parts: [String: KeyRecord.Part] = [:]
    for input in instance.inputs {
      guard let binding = node.bindings[input.name] else { continue }
      let found = part(binding)
      // For a list port a single value means the same as a list of one.
      if input.port.arity == .list, case .list = found {
        parts[input.name] = found
      } else {
        parts[input.name] = input.port.arity == .list ? .list([found]) : found
      }
    }
    return parts
  }

  private func part(_ binding: PortBinding) -> KeyRecord.Part {
    switch binding {
    case .literal(let literal, _):
      if case .list(let items) = literal { return .list(items.map { .literal($0) }) }
      return .literal(literal)
    case .list(let items, _): return .list(items.map(part))
    case .output(let node, let port, _):
      // All dependencies have been added before. If a key is missing, the order of the nodes is
      // wrong.
      guard let key = keys[node] else { preconditionFailure("no key for node \(node)") }
      return .output(key, port: port)
    }
  }

  private mutating func contents(
    _ instance: NodeInstance, _ node: ResolvedNode
  ) throws -> [String] {
    let token = graph.environment.cancellation
    switch mode {
    case .identities: break
    case .contents: return try FileDigester.checking(token.check) { try digests(instance) }
    case .contentsOrLater:
      do {
        let check: @Sendable () throws -> Void = { [allowance] in
          try token.check()
          try allowance.take()
        }
        return try FileDigester.checking(check) { try digests(instance) }
      } catch is DigestAllowance.Exhausted {
        provisional.insert(node.id)
      }
    }
    return instance.inputPaths.map { "identity \(identities[$0] ?? "")" }
  }

  private func digests(_ instance: NodeInstance) throws -> [String] {
    let files = graph.environment.files
    if let own = try instance.node.contentDigests(files) { return own }
    return try instance.inputPaths.map { try files.digest($0) }
  }
}

extension NodeInstance {
  /// The files that the node names, by the names of its parameters.
  var inputPaths: [String] {
    params.sorted { $0.name < $1.name }.flatMap { $0.port.inputPaths.map(\.resolved) }
  }
}
