/// What a run would do: which nodes it runs and why, and what it writes.
public struct Plan: Sendable {
  /// What happens to a node.
  public enum Action: Sendable {
    /// It ran while the graph was validated.
    case evaluated
    /// Its result is in the cache.
    case hit(CachedResult)
    /// It runs.
    case run(RunReason)

    /// The action in words.
    public var description: String {
      switch self {
      case .evaluated: "ready"
      case .hit(let result): "hit (\(result.source))"
      case .run(let reason): "run (\(reason))"
      }
    }
  }

  /// A node that is needed.
  public struct Step: Sendable {
    /// The node.
    public let node: ResolvedNode
    /// Its cache key.
    public let key: CacheKey
    /// What happens to it.
    public let action: Action
    /// What it needs of memory, as far as known.
    public let estimate: MemoryEstimate?

    /// Whether it runs.
    public var runs: Bool { if case .run = action { true } else { false } }
  }

  /// The graph.
  public let graph: ValidatedGraph
  /// The nodes that are needed, each after what it depends on.
  public let steps: [Step]
  /// The most memory the nodes estimate to need at once, in bytes; 0 when none gives an estimate.
  public let peakBytes: Int
  /// Keys of needed nodes in parts, for the history.
  let records: [String: KeyRecord]

  /// How many nodes run.
  public var runCount: Int { steps.count { $0.runs } }
}

/// The plan needs more memory than it may use.
public struct MemoryBudgetExceeded: ExitStatusError, Hashable, CustomStringConvertible {
  /// The estimated peak.
  public var neededBytes: Int
  /// What is allowed.
  public var budgetBytes: Int
  /// The node at which the peak is reached.
  public var node: String
  /// `temporary`: a larger machine or a smaller picture would do.
  public var exitStatus: ExitStatus { .temporary }
  /// Both numbers, in words.
  public var description: String {
    "node `\(node)` needs about \(neededBytes >> 20) MiB, more than the \(budgetBytes >> 20) MiB"
      + " allowed"
  }
}

/// Decides which nodes of a graph have to run: `plan` prints it, `run` does it.
public struct Planner: Sendable {
  private let cache: (any ResultCache)?
  private let history: RunHistory?
  private let memoryBudget: Int?

  /// Prepares to plan.
  ///
  /// Without a cache, a history and a checkpoint store no file is digested, and keys are unique.
  ///
  /// - Parameters:
  ///   - cache: Where results may be found; nil plans to run everything.
  ///   - history: The last runs, to say what changed.
  ///   - memoryBudget: The bytes that the nodes may need at once; nil for no limit.
  public init(
    cache: (any ResultCache)? = nil, history: RunHistory? = nil, memoryBudget: Int? = nil
  ) {
    self.cache = cache
    self.history = history
    self.memoryBudget = memoryBudget
  }

  /// Plans a run.
  ///
  /// - Parameter graph: A valid graph.
  /// - Returns: The plan, with the results that the cache has.
  /// - Throws: `MemoryBudgetExceeded`; `NodeFailure` when a file named by a node cannot be read.
  public func plan(_ graph: ValidatedGraph) throws -> Plan {
    let roots = graph.outputs.map(\.node) + graph.targets
    let needed = reachable(from: roots, in: graph)
    // Digesting the files of a large model takes seconds; do it only for those who use keys.
    let usesKeys =
      cache != nil || history != nil || !(graph.environment.checkpoints is NoCheckpoints)
    var keys = KeyBuilder(graph, digestsFiles: usesKeys)
    for node in graph.nodes where needed.contains(node.id) {
      do {
        try keys.add(node)
      } catch {
        throw NodeFailure(error, node: node, graph: graph)
      }
    }
    var wanted = Set(roots)
    var steps: [Plan.Step] = []
    for node in graph.nodes.reversed() where wanted.contains(node.id) {
      guard let key = keys.keys[node.id] else { continue }
      let action = action(node, key, keys.records[node.id], graph)
      if case .run = action { wanted.formUnion(node.dependencies) }
      steps.append(
        Plan.Step(node: node, key: key, action: action, estimate: graph.estimates[node.id]))
    }
    steps.reverse()
    let peak = try peakBytes(steps, graph)
    return Plan(
      graph: graph, steps: steps, peakBytes: peak,
      records: keys.records.filter { wanted.contains($0.key) })
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
    _ node: ResolvedNode, _ key: CacheKey, _ record: KeyRecord?, _ graph: ValidatedGraph
  ) -> Plan.Action {
    if graph.isEvaluated(node.id) { return .evaluated }
    if !node.type.isPure || !node.isCached { return .run(.neverCached) }
    if let found = cache?.find(key), Set(found.outputs.keys) == Set(node.schema.outputs.map(\.name))
    {
      return .hit(found)
    }
    let last = history?.record(graph: graph.name, node: node.id)
    return .run(record?.reason(since: last) ?? .notCached)
  }

  /// Walks the plan in order, dropping each value after its last use.
  private func peakBytes(_ steps: [Plan.Step], _ graph: ValidatedGraph) throws -> Int {
    var lastUse: [String: Int] = [:]
    for (index, step) in steps.enumerated() where step.runs {
      for id in step.node.dependencies { lastUse[id] = index }
    }
    var live: [(id: String, bytes: Int)] = []
    var peak = 0
    for (index, step) in steps.enumerated() {
      let output = max(0, step.estimate?.outputBytes ?? 0)
      let working = step.runs ? max(0, step.estimate?.workingBytes ?? 0) : 0
      let held = live.reduce(0) { saturatingSum($0, $1.bytes) }
      let now = saturatingSum(saturatingSum(held, output), working)
      if let memoryBudget, now > memoryBudget {
        throw MemoryBudgetExceeded(
          neededBytes: now, budgetBytes: memoryBudget, node: step.node.id)
      }
      peak = max(peak, now)
      live.append((step.node.id, output))
      live.removeAll { (lastUse[$0.id] ?? 0) <= index && $0.id != step.node.id }
    }
    return peak
  }

  private func saturatingSum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }
}
