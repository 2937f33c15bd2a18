import ResgraphFiles

/// Looks up what a request makes: the graph's outputs, or the nodes asked for by name.
struct OutputResolver {
  private typealias Output = ValidatedGraph.ResolvedOutput

  /// What is made.
  struct Selection {
    /// The outputs, in the order of the file.
    var outputs: [ValidatedGraph.ResolvedOutput]
    /// The nodes asked for by name.
    var targets: [String] = []
  }

  private let document: GraphDocument
  /// The ending of the files that each port type is written to; nil where nothing is written.
  private let endings: [String: String]?
  private(set) var collector = DiagnosticCollector()

  init(_ document: GraphDocument, endings: [String: String]?) {
    self.document = document
    self.endings = endings
  }

  // MARK: Outputs

  /// The outputs that the file declares.
  mutating func declared(_ resolver: inout NodeResolver) -> [ValidatedGraph.ResolvedOutput] {
    document.outputs.compactMap { resolve($0, &resolver) }
  }

  private mutating func resolve(
    _ declaration: GraphDocument.OutputDeclaration, _ resolver: inout NodeResolver
  ) -> ValidatedGraph.ResolvedOutput? {
    let pattern = declaration.path.flatMap { readPattern($0) }
    let name = declaration.name.text
    let range = declaration.value.range
    guard case .node(let id, let port) = declaration.value.form,
      let output = resolver.output(id, port, at: range, wanted: nil)
    else { return nil }
    var ending: String?
    if let endings {
      guard let found = endings[output.type] else {
        collector.error(
          .portType, "output `\(name)` cannot be written to a file", at: range,
          .init(expected: endings.keys.sorted().joined(separator: " or "), got: output.type))
        return nil
      }
      ending = found
      if let path = declaration.path { check(pattern, at: path, holds: output.type, found) }
    }
    return Output(
      name: name, node: id, port: output.name, typeName: output.type, pattern: pattern,
      ending: ending, range: range)
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

  /// A file's name must not promise another format than the file has.
  private mutating func check(
    _ pattern: OutputPattern?, at path: GraphDocument.Name, holds type: String, _ ending: String
  ) {
    guard let given = pattern?.ending, given.lowercased() != ending else { return }
    collector.error(
      .badName, "the output's path does not have the ending of the file that is written",
      at: path.range,
      .init(
        expected: "a path that ends in .\(ending), which is what the type \(type) is written to",
        got: ".\(given)"))
  }

  // MARK: Targets

  /// What is made of the declared outputs when only some nodes or outputs are asked for.
  ///
  /// An output's name stands for that output. A node's name stands for every output of that node:
  /// those that the file declares, and one called `NODE.PORT` for each other port that can be
  /// written.
  mutating func select(
    _ targets: [(name: String, range: SourceRange)],
    of outputs: [ValidatedGraph.ResolvedOutput], nodes: [String: ResolvedNode]
  ) -> Selection {
    if targets.isEmpty { return Selection(outputs: outputs) }
    var names: Set<String> = []
    var extra: [ValidatedGraph.ResolvedOutput] = []
    var made: [String] = []
    for (target, range) in targets {
      if let node = nodes[target] {
        let declared = outputs.filter { $0.node == target }
        let others = undeclared(node, besides: declared, at: range)
        if endings != nil, declared.isEmpty, others.isEmpty { warnOfNothing(node, at: range) }
        made.append(target)
        names.formUnion(declared.map(\.name))
        extra += others
      } else if let declaration = document.outputs.first(where: { $0.name.text == target }),
        case .node(let id, _) = declaration.value.form
      {
        made.append(id)
        names.insert(target)
      } else {
        reportUnknown(target, at: range, nodes: nodes.keys.sorted())
      }
    }
    return Selection(outputs: outputs.filter { names.contains($0.name) } + extra, targets: made)
  }

  private func undeclared(
    _ node: ResolvedNode, besides declared: [ValidatedGraph.ResolvedOutput], at range: SourceRange
  ) -> [ValidatedGraph.ResolvedOutput] {
    node.schema.outputs.compactMap { port in
      guard let ending = endings?[port.type], !declared.contains(where: { $0.port == port.name })
      else { return nil }
      return Output(
        name: "\(node.id).\(port.name)", node: node.id, port: port.name, typeName: port.type,
        pattern: nil, ending: ending, range: range)
    }
  }

  private mutating func warnOfNothing(_ node: ResolvedNode, at range: SourceRange) {
    collector.add(
      Diagnostic(
        .unused, "node \(node.title) runs, but none of its outputs can be written to a file",
        at: range, .init(node: node.id, severity: .warning)))
  }

  private mutating func reportUnknown(_ target: String, at range: SourceRange, nodes: [String]) {
    collector.error(
      .unknownReference, "there is no node or output `\(target)`", at: range,
      .init(
        hint: didYouMean(target, among: nodes + document.outputs.map(\.name.text)),
        status: .usage))
  }
}
