/// Reads a graph and checks everything that can be checked before it runs.
public struct GraphValidator: Sendable {
  private let catalog: NodeCatalog
  private let environment: RunEnvironment
  private let outputTypes: Set<String>?

  /// Prepares to validate graphs.
  ///
  /// - Parameters:
  ///   - catalog: The node types that graphs may use.
  ///   - environment: Services and settings; its search folders are replaced by the graph's folder
  ///     and the request's model paths.
  ///   - outputTypes: The port types that can be written as outputs; nil for all.
  public init(
    catalog: NodeCatalog, environment: RunEnvironment = RunEnvironment(),
    outputTypes: Set<String>? = nil
  ) {
    self.catalog = catalog
    self.environment = environment
    self.outputTypes = outputTypes
  }

  /// Reads and checks a graph.
  ///
  /// - Parameter request: The graph file, parameter values and search folders.
  /// - Returns: The graph, ready to be planned; warnings are inside.
  /// - Throws: `Diagnostics` with everything that is wrong; `FileError` when the graph file cannot be
  ///   read; `RunCancelled`.
  public func validate(_ request: GraphRequest) throws -> ValidatedGraph {
    let bytes =
      try request.contents ?? FileReader.bytes(request.path, limit: YAMLLimits().byteCount)
    let text = DocumentText.read(bytes, file: request.path)
    guard let root = text.root else { throw Diagnostics(text.found, sources: [text.source]) }
    let (document, readerFindings) = GraphReader.read(root, name: request.defaultName)
    guard let document else {
      throw Diagnostics(text.found + readerFindings.found, sources: [text.source])
    }
    var pass = ValidationPass(
      document: document, request: request, catalog: catalog, environment: environment,
      outputTypes: outputTypes)
    pass.collector.add(contentsOf: text.found)
    pass.collector.add(contentsOf: readerFindings.found)
    return try pass.run(source: text.source)
  }
}

/// One validation of one graph.
private struct ValidationPass {
  let document: GraphDocument
  let request: GraphRequest
  let catalog: NodeCatalog
  var environment: RunEnvironment
  let outputTypes: Set<String>?
  var collector = DiagnosticCollector()

  init(
    document: GraphDocument, request: GraphRequest, catalog: NodeCatalog,
    environment: RunEnvironment, outputTypes: Set<String>?
  ) {
    self.document = document
    self.request = request
    self.catalog = catalog
    self.environment = environment
    self.outputTypes = outputTypes
    self.environment.files.searchFolders = [request.folder] + request.modelPaths
  }

  mutating func run(source: SourceText) throws -> ValidatedGraph {
    var paramResolver = ParamResolver(document.params)
    let params = paramResolver.resolve(request)
    collector.add(contentsOf: paramResolver.collector.found)

    var nodeResolver = NodeResolver(document, catalog: catalog, params: params)
    let resolved = nodeResolver.resolve()
    let outputs = resolveOutputs(&nodeResolver)
    collector.add(contentsOf: nodeResolver.collector.found)

    let byID = Dictionary(resolved.map { ($0.node.id, $0) }, uniquingKeysWith: { a, _ in a })
    let order = TopologicalOrder(
      resolved.map(\.node.id), dependencies: byID.mapValues { $0.node.dependencies })
    reportCycles(order.cycles, byID.mapValues(\.node))

    var evaluator = StaticEvaluator(byID.mapValues(\.node), environment: environment)
    let ordered = order.order.compactMap { byID[$0] }
    for (node, isSound) in ordered { try evaluator.evaluate(node, isSound: isSound) }
    collector.add(contentsOf: evaluator.collector.found)

    let targets = resolveTargets(&paramResolver, nodes: Set(byID.keys))
    if !collector.hasErrors {
      let usedParams = outputs.reduce(into: nodeResolver.usedParams) { used, output in
        used.formUnion(output.pattern?.params ?? [])
      }
      warnUnused(byID.mapValues(\.node), outputs, usedParams)
    }
    let sources = [source] + paramResolver.sources + [paramResolver.commandLine.source]
    let diagnostics = Diagnostics(collector.found, sources: sources)
    if collector.hasErrors { throw diagnostics }
    let wanted = targets.isEmpty ? outputs : outputs.filter { targets.contains($0.node) }
    let parts = ValidatedGraph.Parts(
      document: document, file: request.path,
      params: document.params.compactMap { params[$0.name.text] }, nodes: ordered.map(\.node),
      outputs: wanted, targets: targets)
    return ValidatedGraph(
      parts, evaluator: evaluator, diagnostics: diagnostics, environment: environment)
  }

  // MARK: Outputs and targets

  private mutating func resolveOutputs(
    _ resolver: inout NodeResolver
  ) -> [ValidatedGraph.ResolvedOutput] {
    var paths: [String: String] = [:]
    return document.outputs.compactMap { declaration in
      let pattern = declaration.path.flatMap { readPattern($0) }
      let name = declaration.name.text
      let path = declaration.path?.text ?? name
      if let other = paths[path], let range = declaration.path?.range {
        collector.error(
          .duplicateKey, "outputs `\(other)` and `\(name)` would be written to the same file",
          at: range)
      }
      paths[path] = name
      guard case .node(let id, let port) = declaration.value.form,
        let output = resolver.output(id, port, at: declaration.value.range, wanted: nil)
      else { return nil }
      if let outputTypes, !outputTypes.contains(output.type) {
        collector.error(
          .portType, "output `\(name)` cannot be written to a file", at: declaration.value.range,
          .init(
            expected: outputTypes.sorted().joined(separator: " or "), got: output.type))
        return nil
      }
      return ValidatedGraph.ResolvedOutput(
        name: name, node: id, port: output.name, typeName: output.type, pattern: pattern,
        range: declaration.value.range)
    }
  }

  private mutating func readPattern(_ path: GraphDocument.Name) -> OutputPattern? {
    do {
      return try OutputPattern(path.text, params: document.params.map(\.name.text))
    } catch {
      let problem = error as? OutputPattern.Problem
      collector.error(
        .badName, "the output's path cannot be used: \(problem?.message ?? "\(error)")",
        at: path.range, .init(hint: problem?.hint))
      return nil
    }
  }

  private mutating func resolveTargets(
    _ resolver: inout ParamResolver, nodes: Set<String>
  ) -> [String] {
    var targets: [String] = []
    for target in request.targets {
      let range = resolver.noteTarget(target)
      if nodes.contains(target) {
        targets.append(target)
      } else if let output = document.outputs.first(where: { $0.name.text == target }),
        case .node(let id, _) = output.value.form
      {
        targets.append(id)
      } else {
        collector.error(
          .unknownReference, "there is no node or output `\(target)`", at: range,
          .init(
            hint: didYouMean(target, among: nodes.sorted() + document.outputs.map(\.name.text)),
            status: .usage))
      }
    }
    return targets
  }

  // MARK: Whole graph

  private mutating func reportCycles(_ cycles: [[String]], _ nodes: [String: ResolvedNode]) {
    for cycle in cycles {
      // The edge that closes the cycle: the last node's reference back to the first.
      guard cycle.count > 1, let node = nodes[cycle[cycle.count - 2]] else { continue }
      let edge = node.bindings.values.flatMap(\.sources).first { $0.node == cycle[0] }
      let path = cycle.map { "`\($0)`" }
      let shown = path.count > 12 ? Array(path[..<6]) + ["..."] + Array(path.suffix(5)) : path
      collector.error(
        .cycle, "nodes depend on themselves: " + shown.joined(separator: " needs "),
        at: edge?.range ?? node.idRange, .init(node: node.id))
    }
  }

  private mutating func warnUnused(
    _ nodes: [String: ResolvedNode], _ outputs: [ValidatedGraph.ResolvedOutput],
    _ usedParams: Set<String>
  ) {
    var needed: Set<String> = []
    var queue = outputs.map(\.node)
    while let id = queue.popLast() {
      if needed.insert(id).inserted { queue += nodes[id]?.dependencies ?? [] }
    }
    for node in document.nodes where !needed.contains(node.id.text) {
      collector.add(
        Diagnostic(
          .unused, "no output needs node `\(node.id.text)`", at: node.id.range,
          .init(node: node.id.text, severity: .warning)))
    }
    for param in document.params where !usedParams.contains(param.name.text) {
      collector.add(
        Diagnostic(
          .unused, "nothing uses parameter `\(param.name.text)`", at: param.name.range,
          .init(severity: .warning)))
    }
  }
}
