import ResgraphFiles

/// Finds the value of every parameter: from the command line, parameter files, or the default.
struct ParamResolver {
  private(set) var collector = DiagnosticCollector()
  private(set) var sources: [SourceText] = []
  private(set) var commandLine = CommandLineText()
  /// Values given to ports of nodes, in order.
  private(set) var portAssignments: [CommandLineText.Assignment] = []
  private let declarations: [GraphDocument.ParamDeclaration]
  private var given: [String: Given] = [:]

  /// A value from outside the graph.
  private struct Given {
    var value: Value
    var origin: ValueOrigin

    enum Value {
      /// A text, whose type follows from the declaration.
      case untyped(String)
      case typed(YAMLNode)
    }
  }

  init(_ declarations: [GraphDocument.ParamDeclaration]) { self.declarations = declarations }

  /// Finds all values.
  ///
  /// - Parameter request: The values given.
  /// - Returns: The parameters that have a sound value, by name.
  mutating func resolve(_ request: GraphRequest) -> [String: ResolvedParam] {
    for path in request.paramsFiles { readFile(path) }
    for argument in request.setFiles { assignFile(argument) }
    for argument in request.sets {
      if let assignment = assignment("--set", argument) { take(assignment) }
    }
    var resolved: [String: ResolvedParam] = [:]
    for declaration in declarations {
      resolved[declaration.name.text] = resolve(declaration)
    }
    return resolved
  }

  /// Notes the targets, so that errors can point at them.
  mutating func noteTarget(_ target: String) -> SourceRange { commandLine.add("--target", target) }

  // MARK: Values from outside

  private mutating func assignment(
    _ flag: String, _ argument: String
  ) -> CommandLineText.Assignment? {
    switch commandLine.addAssignment(flag, argument) {
    case .success(let assignment): return assignment
    case .failure(let fatal):
      collector.add(fatal.diagnostic)
      return nil
    }
  }

  /// Takes a value from the command line, for a parameter or for a port of a node.
  private mutating func take(_ assignment: CommandLineText.Assignment) {
    if assignment.namesPort {
      portAssignments.append(assignment)
      return
    }
    take(
      .untyped(assignment.value), named: assignment.name, at: assignment.nameRange,
      .init(range: assignment.valueRange, folder: ".", param: assignment.name))
  }

  private mutating func take(
    _ value: Given.Value, named name: String, at nameRange: SourceRange, _ origin: ValueOrigin
  ) {
    let names = declarations.map(\.name.text)
    guard names.contains(name) else {
      collector.error(
        .unknownKey, "the graph has no parameter `\(name)`", at: nameRange,
        .init(
          expected: names.isEmpty
            ? "no parameter: the graph has none"
            : "one of " + names.map { "`\($0)`" }.joined(separator: ", "),
          hint: didYouMean(name, among: names) ?? hintForPort(name)))
      return
    }
    given[name] = Given(value: value, origin: origin)
  }

  /// Advice for `denoise.steps`, which lacks the word that leads to ports.
  private func hintForPort(_ name: String) -> String? {
    name.contains(".") ? "a port of a node is `nodes.NODE.PORT`" : nil
  }

  private mutating func assignFile(_ argument: String) {
    guard var assignment = assignment("--set-file", argument) else { return }
    let path =
      assignment.value.hasPrefix("@") ? String(assignment.value.dropFirst()) : assignment.value
    guard let bytes = readBytes(path, at: assignment.valueRange) else { return }
    do {
      var text = try TextCheck.decode(bytes, file: path, limits: YAMLLimits())
      // Editors end a file with a line feed, which is not meant as a part of a prompt.
      if text.last?.isNewline == true { text.removeLast() }
      assignment.value = text
      take(assignment)
    } catch {
      collector.error(
        .syntax, "the file \(quoted(path)) is not a text", at: assignment.valueRange,
        .init(got: (error as? FatalDiagnostic)?.diagnostic.message))
    }
  }

  private mutating func readFile(_ path: String) {
    let range = commandLine.add("--params-file", path)
    guard let bytes = readBytes(path, at: range) else { return }
    let folder = folderName(of: path)
    let (source, root, found) = DocumentText.read(bytes, file: path, folder: folder)
    sources.append(source)
    collector.add(contentsOf: found)
    guard let root else { return }
    guard let entries = root.entries else {
      collector.error(
        .wrongType, "a parameter file is a mapping", at: root.range, .init(got: root.kindName))
      return
    }
    for entry in entries {
      take(
        .typed(entry.value), named: entry.key, at: entry.keyRange,
        .init(range: entry.value.range, folder: folder, param: entry.key))
    }
  }

  private mutating func readBytes(_ path: String, at range: SourceRange) -> [UInt8]? {
    do {
      return try FileReader.bytes(path, limit: YAMLLimits().byteCount, rule: .regularOrPipe)
    } catch {
      let status = error.exitStatus
      collector.error(
        status == .missingFile ? .missingFile : .syntax, "\(error)", at: range,
        .init(status: status))
      return nil
    }
  }

  // MARK: Typing

  private mutating func resolve(_ declaration: GraphDocument.ParamDeclaration) -> ResolvedParam? {
    let name = declaration.name.text
    let isGiven = given[name] != nil
    let value: Given
    if let found = given[name] {
      value = found
      // The default is checked even when it is not used.
      _ = checkDefault(declaration)
    } else if let node = declaration.defaultValue {
      value = Given(
        value: .typed(node), origin: .init(range: node.range, folder: nil, param: name))
    } else {
      collector.error(
        .missingInput, "parameter `\(name)` has no value", at: declaration.name.range,
        .init(expected: declaration.kind.description, hint: "give one with --set \(name)=..."))
      return nil
    }
    guard let literal = typed(value, declaration) else { return nil }
    return ResolvedParam(
      name: name, kind: declaration.kind, value: literal, isDefault: !isGiven, origin: value.origin)
  }

  private mutating func checkDefault(_ declaration: GraphDocument.ParamDeclaration) -> Bool {
    guard let node = declaration.defaultValue else { return true }
    return typed(
      Given(value: .typed(node), origin: .init(range: node.range)), declaration) != nil
  }

  private mutating func typed(
    _ given: Given, _ declaration: GraphDocument.ParamDeclaration
  ) -> Literal? {
    let literal: Literal
    switch given.value {
    case .typed(let node):
      if case .broken = node.content { return nil }
      guard let plain = node.literal else {
        return mismatch(
          ValueMismatch(.wrongType, expected: declaration.kind.description, got: node.kindName),
          given,
          declaration)
      }
      literal = plain
    case .untyped(let text):
      literal = Self.isText(declaration.kind) ? .string(text) : Self.plain(text)
    }
    do {
      let value = try ParamTyping.check(literal, kind: declaration.kind)
      try declaration.limits.check(value)
      try ParamTyping.check(value, among: declaration.choices)
      return ParamTyping.resolveRandomSeed(value, kind: declaration.kind)
    } catch let error as ValueMismatch {
      return mismatch(error, given, declaration)
    } catch {
      preconditionFailure("parameter checks throw nothing else: \(error)")
    }
  }

  private static func isText(_ kind: ParamKind) -> Bool { kind == .string || kind == .path }

  private static func plain(_ text: String) -> Literal {
    ScalarResolution.resolve(text) ?? .string(text)
  }

  private mutating func mismatch(
    _ error: ValueMismatch, _ given: Given, _ declaration: GraphDocument.ParamDeclaration
  ) -> Literal? {
    collector.error(
      error.reason.code,
      "the value of parameter `\(declaration.name.text)` \(error.reason.phrase)",
      at: given.origin.range,
      .init(expected: error.expected, got: error.got, hint: error.hint))
    return nil
  }
}
