/// The most memory that the nodes of a plan need at once, as they estimate it.
struct PeakMemory {
  private let steps: [Plan.Step]
  /// For nodes that take the outputs of an equal node, that node.
  private var owners: [String: String] = [:]
  /// The last step that uses a node's outputs.
  private var lastUse: [String: Int] = [:]

  init(_ steps: [Plan.Step]) {
    self.steps = steps
    for (index, step) in steps.enumerated() {
      if case .same(let other) = step.action { owners[step.node.id] = other }
      guard step.runs else { continue }
      for id in step.node.dependencies { lastUse[owners[id] ?? id] = index }
    }
  }

  /// Walks the plan in order, dropping each value after its last use.
  ///
  /// - Parameter budget: The bytes that are allowed; nil for no limit.
  /// - Returns: The peak in bytes.
  /// - Throws: `MemoryBudgetExceeded` at the first node that needs more than the budget.
  func bytes(within budget: Int?) throws -> Int {
    var live: [(id: String, bytes: Int)] = []
    var peak = 0
    for (index, step) in steps.enumerated() where owners[step.node.id] == nil {
      let output = max(0, step.estimate?.outputBytes ?? 0)
      let working = step.runs ? max(0, step.estimate?.workingBytes ?? 0) : 0
      let held = live.reduce(0) { Self.saturatingSum($0, $1.bytes) }
      let now = Self.saturatingSum(Self.saturatingSum(held, output), working)
      if let budget, now > budget {
        throw MemoryBudgetExceeded(neededBytes: now, budgetBytes: budget, node: step.node.id)
      }
      peak = max(peak, now)
      live.append((step.node.id, output))
      live.removeAll { (lastUse[$0.id] ?? 0) <= index && $0.id != step.node.id }
    }
    return peak
  }

  private static func saturatingSum(_ a: Int, _ b: Int) -> Int {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }
}
