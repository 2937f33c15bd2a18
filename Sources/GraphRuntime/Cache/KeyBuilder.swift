import ResgraphFiles

/// Computes the cache keys of a graph's nodes, in the order of their dependencies.
struct KeyBuilder {
  private(set) var keys: [String: CacheKey] = [:]
  private(set) var records: [String: KeyRecord] = [:]
  /// The first node of each key.
  private(set) var firstNodes: [CacheKey: String] = [:]
  private let graph: ValidatedGraph
  private let digestsFiles: Bool

  /// Prepares to compute keys.
  ///
  /// - Parameters:
  ///   - graph: The graph.
  ///   - digestsFiles: Whether to read the files that nodes name. Without that a key holds what the
  ///     file system says of them, which identifies their contents on this machine only.
  init(_ graph: ValidatedGraph, digestsFiles: Bool = true) {
    self.graph = graph
    self.digestsFiles = digestsFiles
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
    let record = KeyRecord(
      type: node.type.name, version: node.type.version,
      numericMode: graph.environment.numericMode,
      params: Dictionary(
        uniqueKeysWithValues: instance.params.map { ($0.name, part($0, node)) }),
      inputs: inputs(instance, node), contents: try contents(instance))
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

  private func contents(_ instance: NodeInstance) throws -> [String] {
    let files = graph.environment.files
    let token = graph.environment.cancellation
    return try FileDigester.checking(token.check) {
      if digestsFiles, let own = try instance.node.contentDigests(files) { return own }
      return try instance.params.sorted { $0.name < $1.name }.flatMap { param in
        try param.port.inputPaths.map {
          digestsFiles ? try files.digest($0.resolved) : files.identity($0.resolved)
        }
      }
    }
  }
}
