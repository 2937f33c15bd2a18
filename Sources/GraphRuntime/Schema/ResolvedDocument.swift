extension ValidatedGraph {
  /// The top-level key of what a picture says about the run that made it, beside the graph.
  package static let recordKey = "x-resgraph"

  /// The graph with every parameter's value of this run as its default, as one line of JSON.
  ///
  /// It is a graph file again, and what pictures carry: run it in the graph's folder to get the same
  /// results. Seeds that were `random` are written as the number drawn; paths that came from the
  /// command line or a parameter file as they lead there from the graph's folder. What a picture says
  /// about an earlier run is left out.
  public var resolvedDocument: String {
    guard let entries = document.root.entries else { return "{}" }
    let tree = entries.filter { $0.key != Self.recordKey }.map { entry in
      switch entry.key {
      case "params": (entry.key, resolvedParams(entry.value))
      case "nodes": (entry.key, resolvedNodes(entry.value))
      default: (entry.key, JSONTree(entry.value))
      }
    }
    return JSONTree.object(tree).compactText
  }

  private func resolvedParams(_ node: YAMLNode) -> JSONTree {
    let values = recordedParams
    return .object(
      (node.entries ?? []).map { param in
        var keys = (param.value.entries ?? []).filter {
          $0.key != "required" && $0.key != "default"
        }
        .map { ($0.key, JSONTree($0.value)) }
        if let value = values[param.key] { keys.append(("default", .literal(value))) }
        return (param.key, .object(keys))
      })
  }

  private func resolvedNodes(_ node: YAMLNode) -> JSONTree {
    let params = recordedParams
    return .object(
      (node.entries ?? []).map { entry in
        var keys = (entry.value.entries ?? []).map { ($0.key, JSONTree($0.value)) }
        for (port, value) in changedPorts(of: entry.key, params: params) {
          keys.removeAll { $0.0 == port }
          keys.append((port, .literal(value)))
        }
        return (entry.key, .object(keys))
      })
  }

  /// The values of a node that are not written as they stand in the graph.
  private func changedPorts(
    of id: String, params: [String: Literal]
  ) -> [(port: String, value: Literal)] {
    guard let node = node(id), let declared = document.nodes.first(where: { $0.id.text == id })
    else { return [] }
    let defaults = document.defaults.filter { $0.type.text == node.type.name }.flatMap(\.ports)
    let written = declared.ports + defaults
    return drawnSeeds(of: node, written: written)
      + movedPaths(of: node, written: written, params: params)
  }

  /// Seeds that the graph writes as `random`, in the node itself or among the defaults of its type.
  private func drawnSeeds(
    of node: ResolvedNode, written: [GraphDocument.PortAssignment]
  ) -> [(port: String, value: Literal)] {
    node.schema.params.filter { $0.kind == .seed }.compactMap { param in
      let written = written.first { $0.name.text == param.name }
      guard case .literal(ParamTyping.randomWord)? = written?.value?.form,
        case .literal(let number, _)? = node.bindings[param.name]
      else { return nil }
      return (param.name, number)
    }
  }
}
