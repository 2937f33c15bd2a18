/// One validation of one graph.
struct ValidationPass {
  var document: GraphDocument
  let request: GraphRequest
  let catalog: NodeCatalog
  var environment: RunEnvironment
  let outputEndings: [String: String]?
  var collector = DiagnosticCollector()

  init(
    document: GraphDocument, request: GraphRequest, catalog: NodeCatalog,
    environment: RunEnvironment, outputEndings: [String: String]?
  ) {
    self.document = document
    self.request = request
    self.catalog = catalog
    self.environment = environment
    self.outputEndings = outputEndings
    self.environment.files.searchFolders =
      [request.origin, request.folder].compactMap(\.self)
    self.environment.files.modelPaths = request.modelPaths
  }

  mutating func run(source: SourceText) throws -> ValidatedGraph {
    var paramResolver = ParamResolver(document.params)
    let params = paramResolver.resolve(request)
    collector.add(contentsOf: paramResolver.collector.found)
    var overrides = PortOverrides(document, catalog: catalog)
    for assignment in paramResolver.portAssignments { overrides.add(assignment) }
    document = overrides.document
    collector.add(contentsOf: overrides.collector.found)

    var nodeResolver = NodeResolver(document, catalog: catalog, params: params)
    let resolved = nodeResolver.resolve()
    var outputResolver = OutputResolver(document, endings: outputEndings)
    let outputs = outputResolver.declared(&nodeResolver)
    collector.add(contentsOf: nodeResolver.collector.found)

    let byID = Dictionary(resolved.map { ($0.node.id, $0) }, uniquingKeysWith: { a, _ in a })
    let order = TopologicalOrder(
      resolved.map(\.node.id), dependencies: byID.mapValues { $0.node.dependencies })
    reportCycles(order.cycles, byID.mapValues(\.node))

    var evaluator = StaticEvaluator(byID.mapValues(\.node), environment: environment)
    let ordered = order.order.compactMap { byID[$0] }
    for (node, isSound) in ordered { try evaluator.evaluate(node, isSound: isSound) }
    collector.add(contentsOf: evaluator.collector.found)

    let targets = request.targets.map { (name: $0, range: paramResolver.noteTarget($0)) }
    let selection = outputResolver.select(targets, of: outputs, nodes: byID.mapValues(\.node))
    collector.add(contentsOf: outputResolver.collector.found)
    var files = OutputFileCheck(document, params: params.mapValues(\.value))
    let names = Set(outputs.map(\.name))
    for output in outputs + selection.outputs.filter({ !names.contains($0.name) }) {
      files.add(output, value: evaluator.prospect(output.node, output.port))
    }
    collector.add(contentsOf: files.collector.found)
    if !collector.hasErrors {
      let usedParams = outputs.reduce(into: nodeResolver.usedParams) { used, output in
        used.formUnion(output.pattern?.params ?? [])
      }
      warnUnused(byID.mapValues(\.node), outputs, usedParams)
    }
    let sources = [source] + paramResolver.sources + [paramResolver.commandLine.source]
    let diagnostics = Diagnostics(collector.found, sources: sources)
    if collector.hasErrors { throw diagnostics }
    let parts = ValidatedGraph.Parts(
      document: document, file: request.path, folder: request.origin ?? request.folder,
      params: document.params.compactMap { params[$0.name.text] }, nodes: ordered.map(\.node),
      outputs: selection.outputs, targets: selection.targets, values: evaluator.values,
      predictions: evaluator.predictions, estimates: evaluator.estimates)
    return ValidatedGraph(parts, diagnostics: diagnostics, environment: environment)
  }

  private mutating func reportCycles(_ cycles: [[String]], _ nodes: [String: ResolvedNode]) {
    for cycle in cycles {
      // The edge that closes the cycle is the last node's reference to the first one.
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
