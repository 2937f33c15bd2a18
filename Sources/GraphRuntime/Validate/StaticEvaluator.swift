import Synchronization

/// Runs the light nodes and the `validate` of all others, and checks families along edges.
struct StaticEvaluator {
  private(set) var collector = DiagnosticCollector()
  /// The outputs of nodes that ran, by node and port.
  ///
  /// They are final.
  private(set) var values: [String: [String: any PortValue]] = [:]
  /// Memory estimates by node.
  private(set) var estimates: [String: MemoryEstimate] = [:]
  /// The outputs that `validate` of other nodes predicted.
  private(set) var predictions: [String: [String: any PortValue]] = [:]
  /// The nodes with an error and all that depend on them, whose inputs are therefore not known.
  private var failed: Set<String> = []
  private var families: [String: [String: String]] = [:]
  private let nodes: [String: ResolvedNode]
  private let environment: RunEnvironment

  init(_ nodes: [String: ResolvedNode], environment: RunEnvironment) {
    self.nodes = nodes
    self.environment = environment
  }

  /// What is known of an output: its value, or what validation foresaw.
  func prospect(_ node: String, _ port: String) -> (any PortValue)? {
    values[node]?[port] ?? predictions[node]?[port]
  }

  /// Evaluates one node.
  ///
  /// The nodes on which it depends must have been evaluated before.
  ///
  /// - Parameters:
  ///   - node: The node.
  ///   - isSound: Whether its ports are well bound; if not, only its families are worked out.
  /// - Throws: `RunCancelled`.
  mutating func evaluate(_ node: ResolvedNode, isSound: Bool) throws {
    try environment.cancellation.check()
    let instance = NodeInstance(node.type)
    let fits = checkFamilies(instance, node)
    defer { setFamilies(instance, node) }
    guard isSound, fits, failed.isDisjoint(with: node.dependencies) else {
      // The node cannot run, but its literals can be checked.
      failed.insert(node.id)
      for problem in bind(node, withPredictions: false).1.problems { report(problem, node) }
      return
    }
    let isLight = node.type.resources == .light && node.type.isPure
    // Is everything final, so that the node needs no further run?
    if isLight {
      let (instance, result) = bind(node, withPredictions: false)
      if !result.problems.isEmpty || result.isComplete {
        return try finish(instance, node, result, isFinal: true)
      }
    }
    let (bound, result) = bind(node, withPredictions: true)
    try finish(bound, node, result, isFinal: false)
  }

  private func bind(
    _ node: ResolvedNode, withPredictions: Bool
  ) -> (NodeInstance, PortBinder.Result) {
    let instance = NodeInstance(node.type)
    let binder = PortBinder(files: environment.files) { [values, predictions] id, port in
      values[id]?[port] ?? (withPredictions ? predictions[id]?[port] : nil)
    }
    return (instance, binder.bind(instance, node))
  }

  private mutating func finish(
    _ instance: NodeInstance, _ node: ResolvedNode, _ result: PortBinder.Result, isFinal: Bool
  ) throws {
    for problem in result.problems { report(problem, node) }
    guard result.problems.isEmpty else { return }
    if node.type.resources == .light, node.type.isPure, result.isComplete {
      try runLight(instance, node, isFinal: isFinal)
    } else if !result.hasUnknownParam {
      try validate(instance, node)
    }
  }

  /// Runs a light node.
  ///
  /// If an input is a prediction, its outputs are predictions too.
  private mutating func runLight(
    _ instance: NodeInstance, _ node: ResolvedNode, isFinal: Bool
  ) throws {
    let warnings = WarningBox()
    let context = NodeContext(nodeID: node.id, environment: environment) { report in
      if case .warning(let message) = report { warnings.add(message) }
    }
    do {
      try instance.node.run(context)
      try instance.checkOutputs()
      if isFinal {
        values[node.id] = instance.outputValues
      } else {
        predictions[node.id] = instance.outputValues
      }
      estimate(instance, node)
    } catch {
      try report(error, node)
    }
    for message in warnings.messages { warn(NodeError(message), node) }
  }

  private mutating func validate(_ instance: NodeInstance, _ node: ResolvedNode) throws {
    let context = ValidationContext(nodeID: node.id, environment: environment)
    do {
      try instance.node.validate(context)
    } catch {
      try report(error, node)
    }
    for error in context.errors { try report(error, node) }
    for warning in context.warnings { warn(warning, node) }
    predictions[node.id] = instance.outputValues
    if context.errors.isEmpty { estimate(instance, node) }
  }

  private mutating func estimate(_ instance: NodeInstance, _ node: ResolvedNode) {
    let context = ValidationContext(nodeID: node.id, environment: environment)
    estimates[node.id] = instance.node.estimateMemory(context)
  }

  // MARK: Families

  private func family(_ binding: PortBinding?) -> String? {
    binding?.sources.lazy.compactMap { families[$0.node]?[$0.port] }.first
  }

  private mutating func checkFamilies(_ instance: NodeInstance, _ node: ResolvedNode) -> Bool {
    let before = collector.errorCount
    for input in instance.inputs {
      guard let binding = node.bindings[input.name] else { continue }
      for source in binding.sources {
        guard let found = families[source.node]?[source.port] else { continue }
        var wanted: [String]
        var reason = ""
        switch input.port.family {
        case .any: continue
        case .oneOf(let names): wanted = names
        case .same(let other):
          guard let first = family(node.bindings[other]) else { continue }
          wanted = [first]
          reason = ", the family of `\(other)`"
        }
        guard !wanted.contains(found) else { continue }
        let name = input.port.valueType.typeName
        wanted = wanted.map { PortType(name: name, family: $0).description }
        let value = prospect(source.node, source.port)
        let file = value?.sourcePath.map { " (\($0))" } ?? ""
        let source = "`$\(source.node).\(source.port)`" + file
        collector.error(
          .family, "`\(input.name)` of \(node.title) is of another model family",
          at: binding.range,
          .init(
            expected: wanted.joined(separator: " or ") + reason,
            got: "\(PortType(name: name, family: found)), from \(source)", node: node.id,
            port: input.name))
      }
    }
    return collector.errorCount == before
  }

  private mutating func setFamilies(_ instance: NodeInstance, _ node: ResolvedNode) {
    var result: [String: String] = [:]
    for output in instance.outputs {
      if let value = prospect(node.id, output.name) {
        result[output.name] = value.family
        continue
      }
      switch output.port.family {
      case .any: break
      case .same(let input): result[output.name] = family(node.bindings[input])
      case .oneOf(let names): if names.count == 1 { result[output.name] = names[0] }
      }
    }
    families[node.id] = result
  }

  // MARK: Reports

  private mutating func report(_ problem: PortBinder.Problem, _ node: ResolvedNode) {
    failed.insert(node.id)
    let mismatch = problem.mismatch
    let via = problem.param.map { " (parameter `\($0)`)" } ?? ""
    collector.error(
      mismatch.reason.code, "`\(problem.port)` of \(node.title) \(mismatch.reason.phrase)\(via)",
      at: problem.range,
      .init(
        expected: mismatch.expected, got: mismatch.got, hint: mismatch.hint, node: node.id,
        port: problem.port))
  }

  private mutating func report(_ error: any Error, _ node: ResolvedNode) throws {
    if error is RunCancelled { throw error }
    var found = (error as? NodeError) ?? NodeError(String(describing: error))
    let status = found.status ?? (error as? any ExitStatusError)?.exitStatus
    if found.port == nil, !(error is NodeError) { found.port = onlyPath(of: node) }
    add(found, node, severity: .error, status: status)
  }

  private mutating func warn(_ warning: NodeError, _ node: ResolvedNode) {
    add(warning, node, severity: .warning, status: nil)
  }

  private mutating func add(
    _ error: NodeError, _ node: ResolvedNode, severity: Diagnostic.Severity, status: ExitStatus?
  ) {
    if severity == .error { failed.insert(node.id) }
    let range = error.port.flatMap { node.bindings[$0]?.range } ?? node.typeRange
    let exit: ExitStatus =
      switch status {
      case .missingFile, .unavailable, .internalError, .ioError, .temporary: status ?? .invalid
      default: .invalid
      }
    let port = error.port.map { "`\($0)` of " } ?? ""
    collector.add(
      Diagnostic(
        exit == .missingFile ? .missingFile : .node, "\(port)\(node.title): \(error.message)",
        at: range,
        .init(
          expected: error.expected, got: error.got, hint: error.hint, node: node.id,
          port: error.port, severity: severity, status: exit)))
  }

  /// The only parameter of a node that names a file, to which an error about a file must belong;
  /// nil when there are several.
  private func onlyPath(of node: ResolvedNode) -> String? {
    let paths = node.schema.params.filter { $0.kind == .path }
    return paths.count == 1 ? paths[0].name : nil
  }
}

/// Gathers warnings of a node that runs on this thread.
private final class WarningBox: Sendable {
  private let stored = Mutex<[String]>([])
  var messages: [String] { stored.withLock { $0 } }
  func add(_ message: String) { stored.withLock { $0.append(message) } }
}
