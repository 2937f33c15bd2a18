/// Decides which nodes of a graph have to run, for `plan` and for `run`.
public struct Planner: Sendable {
  private let cache: (any ResultCache)?
  let history: RunHistory?
  private let memoryBudget: Int?
  private let fileKeys: FileKeys?

  /// Prepares to plan.
  ///
  /// - Parameters:
  ///   - cache: Where results may be found; nil plans to run everything.
  ///   - history: The last runs, to say what changed.
  ///   - memoryBudget: The bytes that the nodes may need at once; nil for no limit.
  ///   - fileKeys: What of the files that nodes name goes into their keys. Nil for their contents when
  ///     there is a cache, a history or a store of snapshots, else for their identities.
  public init(
    cache: (any ResultCache)? = nil, history: RunHistory? = nil, memoryBudget: Int? = nil,
    fileKeys: FileKeys? = nil
  ) {
    self.cache = cache
    self.history = history
    self.memoryBudget = memoryBudget
    self.fileKeys = fileKeys
  }

  /// Plans a run.
  ///
  /// - Parameter graph: A valid graph.
  /// - Returns: The plan, with the results that the cache has.
  /// - Throws: `MemoryBudgetExceeded`; `NodeFailure` when a file named by a node cannot be read;
  ///   `RunCancelled` while files are digested.
  public func plan(_ graph: ValidatedGraph) throws -> Plan {
    let roots = graph.outputs.map(\.node) + graph.targets
    let needed = reachable(from: roots, in: graph)
    let isKept = cache != nil || history != nil || graph.environment.snapshots != nil
    let keys = try KeyBuilder(
      graph, needed: needed, fileKeys ?? (isKept ? .contents : .identities))
    var wanted = Set(roots)
    var steps: [Plan.Step] = []
    for node in graph.nodes.reversed() where wanted.contains(node.id) {
      guard let key = keys.keys[node.id] else { continue }
      let action = action(node, key, keys, graph)
      switch action {
      case .run: wanted.formUnion(node.dependencies)
      case .same(let other): wanted.insert(other)
      case .evaluated, .hit: break
      }
      steps.append(
        Plan.Step(node: node, key: key, action: action, estimate: graph.estimates[node.id]))
    }
    steps.reverse()
    return Plan(
      graph: graph, steps: steps, peakBytes: try PeakMemory(steps).bytes(within: memoryBudget),
      keys: PlanKeys(graph, needed: needed, early: keys), planner: self)
  }

  private func reachable(from roots: [String], in graph: ValidatedGraph) -> Set<String> {
    var found: Set<String> = []
    var queue = roots
    while let id = queue.popLast() {
      if found.insert(id).inserted { queue += graph.node(id)?.dependencies ?? [] }
    }
    return found
  }

  private func action(
    _ node: ResolvedNode, _ key: CacheKey, _ keys: KeyBuilder, _ graph: ValidatedGraph
  ) -> Plan.Action {
    if graph.isEvaluated(node.id) { return .evaluated }
    if !node.type.isPure || !node.isCached { return .run(.neverCached) }
    if let found = cache?.find(key, of: node.type),
      Set(found.outputs.keys) == Set(node.schema.outputs.map(\.name))
    {
      return .hit(found)
    }
    if let first = keys.firstNodes[key], first != node.id { return .same(as: first) }
    // What was digested then cannot be compared with what is not digested yet.
    if keys.provisional.contains(node.id) { return .run(.notCached) }
    let last = history?.trace(graph: graph.name, node: node.id)
    return .run(keys.records[node.id]?.trace.reason(since: last) ?? .notCached)
  }
}
