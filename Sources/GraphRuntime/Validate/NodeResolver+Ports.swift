import ResgraphFiles

// What the ports of a node receive.
extension NodeResolver {
  /// Binds one port; nil when it is wrong or not given.
  mutating func bind(
    _ port: GraphDocument.PortAssignment, _ schema: NodeSchema, node: String?
  ) -> PortBinding? {
    let name = port.name.text
    let slot: Slot
    if let input = schema.inputs.first(where: { $0.name == name }) {
      slot = Slot(input, node: node, type: schema.name)
    } else if let param = schema.params.first(where: { $0.name == name }) {
      slot = Slot(param, node: node, type: schema.name)
    } else {
      return nil
    }
    return port.value.flatMap { bind($0, slot) }
  }

  private mutating func bind(_ value: Expression, _ slot: Slot) -> PortBinding? {
    switch value.form {
    case .literal(.null) where slot.isOptional: return nil
    case .literal(let literal): return plain(literal, value.origin, slot)
    case .param(let name):
      guard let param = param(name, at: value.range) else { return nil }
      var origin = param.origin
      origin.param = name
      return plain(param.value, origin, slot)
    case .text(let pieces): return text(pieces, value.origin, slot)
    case .node(let id, let port): return edge(id, port, at: value.range, slot)
    case .list(let items): return list(items, at: value.range, slot)
    }
  }

  private mutating func plain(
    _ literal: Literal, _ origin: ValueOrigin, _ slot: Slot
  ) -> PortBinding? {
    guard slot.acceptsLiteral else {
      collector.error(
        .wrongType, "`\(slot.port)`\(slot.owner) takes the output of a node", at: origin.range,
        .init(
          expected: "a reference to \(slot.typeNames[0])", got: literal.summary,
          hint: hintForBareName(literal), node: slot.node, port: slot.port))
      return nil
    }
    return .literal(ParamTyping.resolveRandomSeed(literal, kind: slot.kind ?? .string), origin)
  }

  private func hintForBareName(_ literal: Literal) -> String? {
    guard case .string(let text) = literal else { return nil }
    let head = text.prefix { $0 != "." }
    return knownIDs.contains(String(head)) ? "write `$\(text)`" : nil
  }

  private mutating func text(
    _ pieces: [Expression.Piece], _ written: ValueOrigin, _ slot: Slot
  ) -> PortBinding? {
    var result = ""
    var origin = written
    for piece in pieces {
      switch piece {
      case .text(let text): result += text
      case .param(let name):
        guard let param = param(name, at: written.range) else { return nil }
        // A relative path keeps the folder of the parameter that it begins with.
        if result.isEmpty { origin.folder = param.origin.folder }
        result += param.value.interpolated
      }
    }
    return plain(.string(result), origin, slot)
  }

  private mutating func param(_ name: String, at range: SourceRange) -> ResolvedParam? {
    usedParams.insert(name)
    if let param = params[name] { return param }
    // A declared parameter without a value has already been reported.
    if !(document.root.value("params")?.entries ?? []).contains(where: { $0.key == name }) {
      collector.error(
        .unknownReference, "the graph has no parameter `\(name)`", at: range,
        .init(hint: didYouMean(name, among: paramNames)))
    }
    return nil
  }

  private mutating func list(
    _ items: [Expression], at range: SourceRange, _ slot: Slot
  ) -> PortBinding? {
    guard slot.isList else {
      collector.error(
        .wrongType, "`\(slot.port)`\(slot.owner) takes one value", at: range,
        .init(
          expected: slot.typeNames.joined(separator: " or "), got: "a list", node: slot.node,
          port: slot.port))
      return nil
    }
    let bindings = items.compactMap { bind($0, slot.element) }
    guard bindings.count == items.count else { return nil }
    var literals: [Literal] = []
    var origin = ValueOrigin(range: range)
    for case .literal(let literal, let itemOrigin) in bindings {
      literals.append(literal)
      origin.folder = origin.folder ?? itemOrigin.folder
    }
    if literals.count == bindings.count, slot.acceptsLiteral {
      return .literal(.list(literals), origin)
    }
    return .list(bindings, range)
  }
}
