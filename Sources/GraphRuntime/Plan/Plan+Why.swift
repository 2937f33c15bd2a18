extension Plan {
  /// Says why a node runs, or where its result is: what differs from the last run of the graph.
  ///
  /// - Parameter id: The node's name.
  /// - Returns: Lines of text: what happens to the node; then, moved in by two spaces for each step,
  ///   what changed there and in the nodes before it.
  public func why(_ id: String) -> [String] {
    guard let node = graph.node(id) else { return [] }
    let action = steps.first { $0.node.id == id }?.action
    var lines = ["\(node.title): \(action?.description ?? "not needed")"]
    var seen: Set<String> = []
    explain(node, depth: 1, &seen, &lines)
    return lines
  }

  private func explain(
    _ node: ResolvedNode, depth: Int, _ seen: inout Set<String>, _ lines: inout [String]
  ) {
    guard seen.insert(node.id).inserted, let now = keys.knownRecord(node.id)?.trace else { return }
    let indent = String(repeating: "  ", count: depth)
    guard let last = planner.history?.trace(graph: graph.name, node: node.id) else {
      lines.append(indent + "no earlier run is known")
      return
    }
    if last.type != now.type { lines.append(indent + "type: \(last.type) -> \(now.type)") }
    if last.version != now.version {
      lines.append(indent + "version of the node type: \(last.version) -> \(now.version)")
    }
    if last.numericMode != now.numericMode {
      lines.append(indent + "numeric mode: \(last.numericMode) -> \(now.numericMode)")
    }
    for name in KeyTrace.changes(now.params, last.params) {
      lines.append(indent + "\(name): " + Self.change(last.params[name], now.params[name]))
    }
    if last.contents != now.contents {
      for (port, path) in files(of: node) { lines.append(indent + "\(port): content of \(path)") }
    }
    for name in KeyTrace.changes(now.inputs, last.inputs) {
      let sources = (node.bindings[name]?.sources ?? []).compactMap { graph.node($0.node) }
      guard !sources.isEmpty else {
        lines.append(indent + "\(name): " + Self.change(last.inputs[name], now.inputs[name]))
        continue
      }
      for source in sources where !seen.contains(source.id) {
        lines.append(indent + "\(name), from \(source.title):")
        explain(source, depth: depth + 1, &seen, &lines)
      }
    }
  }

  private func files(of node: ResolvedNode) -> [(port: String, path: String)] {
    node.schema.params.filter { $0.kind == .path }.compactMap { param in
      guard case .literal(.string(let path), _)? = node.bindings[param.name] else { return nil }
      return (param.name, path)
    }
  }

  private static func change(_ old: String?, _ new: String?) -> String {
    func short(_ text: String?) -> String {
      guard let text else { return "nothing" }
      return text.count > 60 ? String(text.prefix(57)) + "..." : text
    }
    return "\(short(old)) -> \(short(new))"
  }
}
