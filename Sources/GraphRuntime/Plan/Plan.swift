/// The work of a run: the nodes that run and the reasons, and the outputs.
public struct Plan: Sendable {
  /// What happens to a node.
  public enum Action: Sendable {
    /// It ran while the graph was validated.
    case evaluated
    /// Its result is in the cache.
    case hit(CachedResult)
    /// An equal node runs before it, and its outputs count for both.
    case same(as: String)
    /// It runs.
    case run(RunReason)

    /// The action in words.
    public var description: String {
      switch self {
      case .evaluated: "ready"
      case .hit(let result): "hit (\(result.source))"
      case .same(let node): "same as `\(node)`"
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
    /// The memory that it needs, as far as that is known.
    public let estimate: MemoryEstimate?

    /// Whether it runs.
    public var runs: Bool { if case .run = action { true } else { false } }

    /// Whether its outputs are still to be made when the run begins.
    var isOpen: Bool { if case .same = action { true } else { runs } }
  }

  /// The graph.
  public let graph: ValidatedGraph
  /// The nodes that are needed, each after what it depends on.
  public let steps: [Step]
  /// The most memory that is needed at one time by the nodes' estimates, in bytes; 0 when no node
  /// gives an estimate.
  public let peakBytes: Int
  /// The keys under which results are stored.
  let keys: PlanKeys
  let planner: Planner

  init(
    graph: ValidatedGraph, steps: [Step], peakBytes: Int, keys: PlanKeys, planner: Planner
  ) {
    self.graph = graph
    self.steps = steps
    self.peakBytes = peakBytes
    self.keys = keys
    self.planner = planner
  }

  /// Plans anew, when a result that was there is lost.
  func renewed() throws -> Plan { try planner.plan(graph) }

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
  /// The exit code is `temporary`, because a smaller picture or a larger machine needs no other
  /// graph.
  public var exitStatus: ExitStatus { .temporary }
  /// Both numbers, in words.
  public var description: String {
    "node `\(node)` needs about \(neededBytes >> 20) MiB, more than the \(budgetBytes >> 20) MiB"
      + " allowed"
  }
}
