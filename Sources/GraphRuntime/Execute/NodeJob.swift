/// One run of one node, on a worker thread.
struct NodeJob: Sendable {
  let step: Plan.Step
  let graph: ValidatedGraph
  /// The values it needs, by node and port.
  let inputs: [String: [String: LazyValue]]
  let environment: RunEnvironment
  let keys: PlanKeys
  let cache: (any ResultCache)?
  let send: @Sendable (RunEvent) -> Void

  /// Runs the node.
  ///
  /// - Parameter hitSource: Set to where the result was found, when an equal node has put it into
  ///   the cache since the plan.
  /// - Returns: All outputs.
  /// - Throws: Whatever the node throws; `LostResult` when an input is not in the cache any more.
  func run(hitSource: inout String?) throws -> [String: LazyValue] {
    let node = step.node
    try environment.cancellation.check()
    if node.type.isPure, node.isCached, let found = cache?.find(step.key, of: node.type) {
      hitSource = found.source
      return found.outputs
    }
    let instance = NodeInstance(node.type)
    try bind(instance)
    send(.nodeStart(node: node.id, type: node.type.name))
    let context = NodeContext(
      nodeID: node.id, environment: environment, cacheKey: step.key, snapshot: snapshot
    ) { [send] report in
      switch report {
      case .progress(let step, let count):
        send(.nodeStep(node: node.id, step: step, count: count))
      case .warning(let message): send(.nodeWarning(node: node.id, message: message))
      }
    }
    try instance.node.run(context)
    try instance.checkOutputs()
    return instance.outputValues.mapValues { LazyValue($0) }
  }

  /// A run that did not know the digests of files yet has saved the node's state under another key.
  private var snapshot: NodeSnapshot {
    let isKept = step.node.type.isPure && step.node.isCached
    return NodeSnapshot(store: isKept ? environment.snapshots : nil, key: step.key) {
      [keys, id = step.node.id] in
      keys.identityKey(id)
    }
  }

  private func bind(_ instance: NodeInstance) throws {
    let inputs = try inputs.mapValues { try $0.mapValues { try $0.value() } }
    let binder = PortBinder(files: environment.files) { [inputs, graph] id, port in
      inputs[id]?[port] ?? graph.value(node: id, port: port)
    }
    let result = binder.bind(instance, step.node)
    if let problem = result.problems.first {
      throw NodeError(
        "does not fit", port: problem.port, expected: problem.mismatch.expected,
        got: problem.mismatch.got, hint: problem.mismatch.hint,
        status: problem.mismatch.reason == .missingFile ? .missingFile : nil)
    }
    guard result.isComplete else {
      throw NodeError("an input is missing", status: .internalError)
    }
  }
}
