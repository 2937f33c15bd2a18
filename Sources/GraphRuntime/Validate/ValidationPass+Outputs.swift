import ResgraphFiles

// What a graph is to make: its outputs, and the nodes asked for by name.
extension ValidationPass {
  mutating func resolveOutputs(
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

  mutating func resolveTargets(
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
}
