import ResgraphFiles

/// The state of one run, owned by the thread that runs it.
struct RunState {
  /// The state of a node.
  private enum NodeState {
    /// The node waits for the nodes on which it depends.
    case waiting(missing: Int)
    /// All its inputs have values.
    case ready
    /// It runs on a worker thread.
    case running
    /// It is done, its result was found, or it failed.
    case finished
  }

  /// A place in the graph where a value appears.
  private struct PortName: Hashable {
    var node: String
    var port: String
  }

  /// A message from a worker thread.
  private enum Message {
    case node(
      index: Int, Result<[String: LazyValue], any Error>, seconds: Double, hitSource: String?)
    case stored
    case output(index: Int, Result<[String], any Error>)
  }

  private let plan: Plan
  private let executor: Executor
  private let send: @Sendable (RunEvent) -> Void
  private let token: CancellationToken
  private let mailbox = Mailbox<Message>()
  private let compute: JobThreads
  private let side: JobThreads
  /// Its jobs may wait until a model of gigabytes is digested, which must not keep files from being read.
  private let storage: JobThreads

  private var states: [NodeState]
  private var consumers: [PortName: Int] = [:]
  private var values: [PortName: LazyValue] = [:]
  private var dependents: [String: [Int]] = [:]
  /// Steps that take the outputs of an equal node.
  private var copies: [String: [Int]] = [:]
  private var lowestUnfinished = 0
  private var computeRunning = false
  private var sideRunning = 0
  private var storing = 0
  private var pendingOutputs: Set<Int>
  /// What was written so far, by output.
  private(set) var writtenPaths: [Int: [String]] = [:]
  /// Nodes whose outputs are there, in the order in which they came.
  private(set) var finishedNodes: [String] = []
  private var targetValues: [String: [String: LazyValue]] = [:]
  private var failure: (any Error)?

  /// How many nodes beyond the first unfinished one may read files in advance, so that a large
  /// graph does not hold all its pictures in memory before it uses the first.
  private static let readAhead = 16

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - plan: What is to be done.
  ///   - executor: Where results are kept and outputs are written.
  ///   - written: Outputs that are written already, by number, when an earlier plan was given up.
  ///   - cancellation: Stops the run.
  ///   - send: Told what happens.
  /// - Throws: `ThreadFailure` when a thread cannot be started.
  init(
    _ plan: Plan, executor: Executor, written: [Int: [String]], cancellation: CancellationToken,
    send: @escaping @Sendable (RunEvent) -> Void
  ) throws {
    compute = try JobThreads(threads: 1)
    side = try JobThreads(threads: Executor.sideThreads)
    storage = try JobThreads(threads: 1)
    self.plan = plan
    self.executor = executor
    self.send = send
    token = CancellationToken(parent: cancellation)
    states = plan.steps.map { _ in .ready }
    writtenPaths = written
    pendingOutputs = Set(plan.graph.outputs.indices).subtracting(written.keys)
    countConsumers()
  }

  private mutating func countConsumers() {
    let running = Set(plan.steps.filter(\.isOpen).map(\.node.id))
    for (index, step) in plan.steps.enumerated() where step.isOpen {
      if case .same(let other) = step.action {
        copies[other, default: []].append(index)
        states[index] = .waiting(missing: 1)
        continue
      }
      let waits = step.node.dependencies.filter { running.contains($0) }
      states[index] = waits.isEmpty ? .ready : .waiting(missing: waits.count)
      for id in waits { dependents[id, default: []].append(index) }
      for binding in step.node.bindings.values {
        for source in binding.sources {
          consumers[PortName(node: source.node, port: source.port), default: 0] += 1
        }
      }
    }
    for index in pendingOutputs {
      let output = plan.graph.outputs[index]
      consumers[PortName(node: output.node, port: output.port), default: 0] += 1
    }
  }

  /// Runs everything.
  ///
  /// - Returns: What was written; the caller fills in the time.
  /// - Throws: The first failure, after all running nodes have stopped.
  mutating func run() throws -> RunSummary {
    takeKnownValues()
    while true {
      if failure == nil, let reason = token.reason { failure = RunCancelled(reason: reason) }
      if failure == nil { startReady() }
      if !computeRunning, sideRunning == 0, storing == 0 { break }
      guard let message = mailbox.take() else { break }
      handle(message)
    }
    if let failure { throw failure }
    let outputs = plan.graph.outputs.enumerated().map { index, output in
      (name: output.name, paths: writtenPaths[index] ?? [])
    }
    return RunSummary(
      outputs: outputs, values: try targetValues.mapValues { try $0.mapValues { try $0.value() } },
      seconds: 0)
  }

  /// Takes the results that exist already: those of light nodes and those found in the cache.
  private mutating func takeKnownValues() {
    for (index, step) in plan.steps.enumerated() {
      let id = step.node.id
      switch step.action {
      case .run, .same: continue
      case .evaluated:
        send(.nodeHit(node: id, type: step.node.type.name, source: "validation"))
        finish(index, (plan.graph.values[id] ?? [:]).mapValues { LazyValue($0) })
      case .hit(let result):
        send(.nodeHit(node: id, type: step.node.type.name, source: result.source))
        finish(index, result.outputs)
      }
    }
  }

  // MARK: Starting

  private mutating func startReady() {
    while lowestUnfinished < states.count, case .finished = states[lowestUnfinished] {
      lowestUnfinished += 1
    }
    var index = lowestUnfinished
    while index < states.count, !computeRunning || sideRunning < Executor.sideThreads {
      defer { index += 1 }
      guard case .ready = states[index] else { continue }
      if plan.steps[index].node.type.resources == .compute {
        if computeRunning { continue }
        computeRunning = true
        start(index, on: compute)
      } else if sideRunning < Executor.sideThreads, index <= lowestUnfinished + Self.readAhead {
        sideRunning += 1
        start(index, on: side)
      }
    }
  }

  private mutating func start(_ index: Int, on pool: JobThreads) {
    states[index] = .running
    let step = plan.steps[index]
    var inputs: [String: [String: LazyValue]] = [:]
    for binding in step.node.bindings.values {
      for source in binding.sources {
        let name = PortName(node: source.node, port: source.port)
        inputs[source.node, default: [:]][source.port] = values[name]
        release(name)
      }
    }
    var environment = plan.graph.environment
    environment.cancellation = token
    let job = NodeJob(
      step: step, graph: plan.graph, inputs: inputs, environment: environment, keys: plan.keys,
      cache: executor.cache, send: send)
    pool.add { [mailbox] in
      let clock = ContinuousClock.now
      var hitSource: String?
      let result = Result { try job.run(hitSource: &hitSource) }
      let seconds = (ContinuousClock.now - clock).inSeconds
      mailbox.put(.node(index: index, result, seconds: seconds, hitSource: hitSource))
    }
  }

  private mutating func write(_ index: Int) {
    let output = plan.graph.outputs[index]
    let name = PortName(node: output.node, port: output.port)
    guard pendingOutputs.remove(index) != nil, let value = values[name] else { return }
    release(name)
    guard let sink = executor.sink else { return }
    sideRunning += 1
    let graph = plan.graph
    side.add { [mailbox] in
      mailbox.put(
        .output(
          index: index,
          Result { try sink.write(try value.value(), output: output, graph: graph) }))
    }
  }

  /// Counts one use of a value; drops the value after the last.
  private mutating func release(_ name: PortName) {
    let left = (consumers[name] ?? 1) - 1
    consumers[name] = left
    if left <= 0 { values[name] = nil }
  }

  // MARK: Finishing

  private mutating func handle(_ message: Message) {
    switch message {
    case .node(let index, let result, let seconds, let hitSource):
      let step = plan.steps[index]
      if step.node.type.resources == .compute { computeRunning = false } else { sideRunning -= 1 }
      switch result {
      case .success(let outputs):
        done(step, outputs, seconds: seconds, hitSource: hitSource)
        finish(index, outputs)
      case .failure(let error):
        states[index] = .finished
        let isOwn = !(error is RunCancelled || error is LostResult)
        fail(isOwn ? NodeFailure(error, node: step.node, graph: plan.graph) : error)
      }
    case .stored: storing -= 1
    case .output(let index, let result):
      sideRunning -= 1
      switch result {
      case .success(let paths):
        writtenPaths[index] = paths
        let output = plan.graph.outputs[index]
        send(.output(name: output.name, node: output.node, paths: paths))
      case .failure(let error): fail(error)
      }
    }
  }

  private mutating func done(
    _ step: Plan.Step, _ outputs: [String: LazyValue], seconds: Double, hitSource: String?
  ) {
    let node = step.node
    if let hitSource {
      send(.nodeHit(node: node.id, type: node.type.name, source: hitSource))
      return
    }
    let values = outputs.compactMapValues { try? $0.value() }
    if node.type.isPure, node.isCached { store(step, values, seconds: seconds) }
    let bytes = values.values.reduce(0) { $0 + $1.byteCount }
    send(.nodeDone(node: node.id, type: node.type.name, seconds: seconds, bytes: bytes))
  }

  /// Keeps a result beside the nodes that run next; the run does not end before.
  private mutating func store(
    _ step: Plan.Step, _ outputs: [String: any PortValue], seconds: Double
  ) {
    let (cache, snapshots) = (executor.cache, plan.graph.environment.snapshots)
    guard cache != nil || snapshots != nil else { return }
    storing += 1
    storage.add { [mailbox, keys = plan.keys] in
      defer { mailbox.put(.stored) }
      if let cache {
        guard let key = try? keys.storageKey(step.node.id) else { return }
        cache.store(outputs, for: key, of: step.node.type, seconds: seconds)
      }
      // Not before: who is killed in between goes on from the last saved state.
      snapshots?.remove(step.key)
    }
  }

  private mutating func finish(_ index: Int, _ outputs: [String: LazyValue]) {
    let id = plan.steps[index].node.id
    states[index] = .finished
    finishedNodes.append(id)
    if plan.graph.targets.contains(id) || executor.sink == nil && isOutput(id) {
      targetValues[id] = outputs
    }
    for (port, value) in outputs {
      let name = PortName(node: id, port: port)
      if (consumers[name] ?? 0) > 0 { values[name] = value }
    }
    for dependent in dependents[id] ?? [] {
      guard case .waiting(let missing) = states[dependent] else { continue }
      states[dependent] = missing == 1 ? .ready : .waiting(missing: missing - 1)
    }
    for (output, declared) in plan.graph.outputs.enumerated() where declared.node == id {
      write(output)
    }
    for copy in copies[id] ?? [] {
      let node = plan.steps[copy].node
      send(.nodeHit(node: node.id, type: node.type.name, source: "memory"))
      finish(copy, outputs)
    }
  }

  private func isOutput(_ id: String) -> Bool { plan.graph.outputs.contains { $0.node == id } }

  private mutating func fail(_ error: any Error) {
    // The first failure counts. But when the user stops a run, that counts more than the failures
    // which follow from it.
    if failure == nil { failure = error }
    token.cancel(.failure)
  }
}
