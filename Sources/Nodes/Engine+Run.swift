public import GraphRuntime

extension Engine {
  /// Runs a graph, and writes its outputs as files or hands them back.
  ///
  /// - Parameters:
  ///   - request: The graph file, or a PNG that this engine wrote, and parameter values.
  ///   - folder: Where outputs are written, made when it is missing; nil to have their values.
  ///   - recordsGraph: Whether PNG files carry the graph that made them.
  ///   - onEvent: Told what happens; called on several threads, one call at a time.
  /// - Returns: The outputs, in the order of the graph.
  /// - Throws: What `validate`, `plan` and `run(_:into:)` of a plan throw.
  @discardableResult
  public func run(
    _ request: GraphRequest, into folder: String? = nil, recordsGraph: Bool = true,
    onEvent: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) throws -> RunResult {
    let plan = try plan(validate(request))
    return try run(plan, into: folder, recordsGraph: recordsGraph, onEvent: onEvent)
  }

  /// Runs a plan, and writes the graph's outputs as files or hands them back.
  ///
  /// - Parameters:
  ///   - plan: A plan of this engine.
  ///   - folder: Where outputs are written, made when it is missing; nil to have their values.
  ///   - recordsGraph: Whether PNG files carry the graph that made them.
  ///   - onEvent: Told what happens; called on several threads, one call at a time.
  /// - Returns: The outputs, in the order of the graph.
  /// - Throws: `NodeFailure` for the first node that failed, `RunCancelled`, and `FileError` when
  ///   an output cannot be written, which is found before anything runs where possible.
  @discardableResult
  public func run(
    _ plan: Plan, into folder: String? = nil, recordsGraph: Bool = true,
    onEvent: @escaping @Sendable (RunEvent) -> Void = { _ in }
  ) throws -> RunResult {
    let sink = folder.map { FileSink(folder: $0, recordsGraph: recordsGraph) }
    try sink?.check(plan)
    let lifetimes = ModelLifetimes(plan, store: models)
    let recorder = memory.recorder(plan.graph)
    let executor = Executor(
      cache: memory.results, history: memory.history, sink: sink,
      onEvent: { event in
        switch event {
        case .nodeDone(let node, _, _, _), .nodeHit(let node, _, _): lifetimes.finish(node: node)
        case .nodeStep(_, let step, _) where step > 0: sink?.prepareRecord(of: plan.graph)
        default: break
        }
        recorder?.add(event)
        onEvent(event)
      })
    defer {
      recorder?.finish(peakBytes: Self.peakTensorBytes)
      memory.trim()
    }
    return RunResult(try executor.run(plan), of: plan.graph)
  }
}
