/// Where a plain value was written.
public struct ValueOrigin: Sendable {
  /// Where it stands.
  public var range: SourceRange
  /// The folder against which it is resolved first, if it is a relative path.
  public var folder: String?
  /// The graph parameter that carried it, if any.
  public var param: String?
}

/// A parameter of a graph with its value for this run.
public struct ResolvedParam: Sendable {
  /// The parameter's name.
  public var name: String
  /// The kind of its value.
  public var kind: ParamKind
  /// The value.
  public var value: Literal
  /// Whether the value is the declared default.
  public var isDefault: Bool
  /// Where the value was written.
  public var origin: ValueOrigin
}

/// Finds the value of every parameter: from the command line, parameter files, or the default.
struct ParamResolver {
  private(set) var collector = DiagnosticCollector()
  private(set) var sources: [SourceText] = []
  private(set) var commandLine = CommandLineText()
  private let declarations: [GraphDocument.ParamDeclaration]
  private var given: [String: Given] = [:]

  /// A value from outside the graph.
  private struct Given {
    var value: Value
    var origin: ValueOrigin

    enum Value {
      /// Text whose type the declaration decides.
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
      if let assignment = assignment("--set", argument) {
        take(
          .untyped(assignment.value), named: assignment.name, at: assignment.nameRange,
          .init(range: assignment.valueRange, folder: ".", param: assignment.name))
      }
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
          hint: didYouMean(name, among: names)))
      return
    }
    given[name] = Given(value: value, origin: origin)
  }

  private mutating func assignFile(_ argument: String) {
    guard let assignment = assignment("--set-file", argument) else { return }
    let path =
      assignment.value.hasPrefix("@") ? String(assignment.value.dropFirst()) : assignment.value
    guard let bytes = readBytes(path, at: assignment.valueRange) else { return }
    do {
      var text = try TextCheck.decode(bytes, file: path, limits: YAMLLimits())
      // Editors end a file with a line feed that is not meant as part of a prompt.
      if text.last?.isNewline == true { text.removeLast() }
      take(
        .untyped(text), named: assignment.name, at: assignment.nameRange,
        .init(range: assignment.valueRange, folder: ".", param: assignment.name))
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
      return try FileReader.bytes(path, limit: YAMLLimits().byteCount)
    } catch {
      let status = (error as? FileError)?.exitStatus ?? .ioError
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
      // A default that is never used is still checked.
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
          ValueMismatch(expected: declaration.kind.description, got: node.kindName), given,
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
    let isWord = error.got.hasPrefix("string ")
    let what =
      !error.isOutOfRange
      ? "has the wrong type" : isWord ? "is none of its choices" : "is out of range"
    collector.error(
      error.isOutOfRange ? .outOfRange : .wrongType,
      "the value of parameter `\(declaration.name.text)` \(what)", at: given.origin.range,
      .init(expected: error.expected, got: error.got, hint: error.hint))
    return nil
  }
}

/// Checks of plain values against kinds.
enum ParamTyping {
  private struct NoFiles: PathResolving {
    func existing(_ path: String) throws -> String { path }
    func writable(_ path: String) -> String { path }
  }

  /// Checks a value of a graph parameter and gives it its canonical form.
  ///
  /// - Parameters:
  ///   - literal: The value.
  ///   - kind: The declared kind.
  /// - Returns: The value; a whole number given for a float becomes a float.
  /// - Throws: `ValueMismatch` when it is of another kind.
  static func check(_ literal: Literal, kind: ParamKind) throws -> Literal {
    let files = NoFiles()
    switch kind {
    case .int: return try Int(literal: literal, paths: files).literal
    case .float: return try Double(literal: literal, paths: files).literal
    case .bool: return try Bool(literal: literal, paths: files).literal
    case .seed:
      return literal == randomWord ? literal : try Seed(literal: literal, paths: files).literal
    case .path: return try InputPath(literal: literal, paths: files).literal
    default: return try String(literal: literal, paths: files).literal
    }
  }

  /// Checks a value against a list of allowed ones.
  ///
  /// - Parameters:
  ///   - literal: The value.
  ///   - choices: The allowed values, empty for any.
  /// - Throws: `ValueMismatch` when the value is not among them.
  static func check(_ literal: Literal, among choices: [Literal]) throws {
    guard !choices.isEmpty, !choices.contains(literal) else { return }
    // A whole number among a float's choices means the float.
    if case .float(let value) = literal, choices.contains(where: { $0.number == value }) { return }
    let words = choices.map { if case .string(let word) = $0 { word } else { $0.description } }
    var hint: String?
    if case .string(let word) = literal { hint = didYouMean(word, among: words) }
    throw ValueMismatch(
      expected: ParamKind.choice(words).description, got: literal.summary, hint: hint,
      isOutOfRange: true)
  }

  static let randomWord = Literal.string("random")

  /// Replaces the word `random` of a seed by a number.
  ///
  /// - Parameters:
  ///   - literal: A checked value.
  ///   - kind: Its kind.
  /// - Returns: The value, with a number drawn once if it was `random`.
  static func resolveRandomSeed(_ literal: Literal, kind: ParamKind) -> Literal {
    guard kind == .seed, literal == randomWord else { return literal }
    return .int(Int128(UInt64.random(in: 0 ... .max)))
  }
}

extension Literal {
  /// The value of a number.
  fileprivate var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }
}
