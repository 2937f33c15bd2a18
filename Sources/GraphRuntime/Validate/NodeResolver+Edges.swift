import ResgraphFiles

// References from one node to the outputs of another.
extension NodeResolver {
  mutating func edge(
    _ id: String, _ port: String?, at range: SourceRange, _ slot: Slot
  ) -> PortBinding? {
    guard let output = output(id, port, at: range, wanted: slot) else { return nil }
    guard slot.typeNames.contains(output.type) else {
      let fitting = candidates(for: slot)
      collector.error(
        .portType, "`\(slot.port)`\(slot.owner) does not take \(output.type)", at: range,
        .init(
          expected: slot.typeNames.isEmpty
            ? slot.kind?.description : slot.typeNames.joined(separator: " or "),
          got: "\(output.type), from node `\(id)`\(typeNote(id))",
          hint: fitting.count == 1 ? "did you mean `\(fitting[0])`?" : nil, node: slot.node,
          port: slot.port))
      return nil
    }
    return .output(node: id, port: output.name, range)
  }

  /// Finds the output that a reference names.
  ///
  /// - Parameters:
  ///   - id: The node.
  ///   - port: The port, nil for the only one.
  ///   - range: Where the reference stands.
  ///   - wanted: What it is for, nil for an output of the graph.
  /// - Returns: The output, nil when the reference is wrong or its node is.
  mutating func output(
    _ id: String, _ port: String?, at range: SourceRange, wanted: Slot?
  ) -> NodeSchema.OutputSchema? {
    guard let schema = schemas[id] else {
      if !knownIDs.contains(id) {
        let isParam = paramNames.contains(id)
        collector.error(
          .unknownReference, "there is no node `\(id)`", at: range,
          .init(
            hint: isParam ? "write `$params.\(id)`" : didYouMean(id, among: nodeIDs),
            node: wanted?.node, port: wanted?.port))
      }
      return nil
    }
    if let port {
      if let output = schema.outputs.first(where: { $0.name == port }) { return output }
      collector.error(
        .unknownReference, "node `\(id)` (\(schema.name)) has no output `\(port)`", at: range,
        .init(
          expected: "one of "
            + schema.outputs.map { "`$\(id).\($0.name)`" }.joined(separator: ", "),
          hint: didYouMean(port, among: schema.outputs.map(\.name)), node: wanted?.node,
          port: wanted?.port))
      return nil
    }
    if schema.outputs.count == 1 { return schema.outputs[0] }
    let fitting = schema.outputs.filter { wanted?.typeNames.contains($0.type) ?? false }
    collector.error(
      .badReference, "node `\(id)` (\(schema.name)) has several outputs", at: range,
      .init(
        expected: "one of " + schema.outputs.map { "`$\(id).\($0.name)`" }.joined(separator: ", "),
        hint: fitting.count == 1 ? "did you mean `$\(id).\(fitting[0].name)`?" : nil,
        node: wanted?.node, port: wanted?.port))
    return nil
  }

  private func typeNote(_ id: String) -> String { schemas[id].map { " (\($0.name))" } ?? "" }

  /// All references that would fit a port, as a graph would write them.
  private func candidates(for slot: Slot) -> [String] {
    var result: [String] = []
    for id in nodeIDs where id != slot.node {
      guard let outputs = schemas[id]?.outputs else { continue }
      for output in outputs where slot.typeNames.contains(output.type) {
        result.append(outputs.count == 1 ? "$\(id)" : "$\(id).\(output.name)")
        if result.count > 1 { return result }
      }
    }
    return result
  }
}
