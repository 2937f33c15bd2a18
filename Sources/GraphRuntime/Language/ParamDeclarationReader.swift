import ResgraphFiles

/// Reads the declaration of one parameter of a graph.
struct ParamDeclarationReader {
  var collector: DiagnosticCollector

  private static let keys = [
    "type", "default", "required", "min", "max", "multiple_of", "choices", "description",
  ]
  private static let kinds: [(name: String, kind: ParamKind)] = [
    ("string", .string), ("int", .int), ("float", .float), ("bool", .bool), ("path", .path),
    ("seed", .seed), ("enum", .string),
  ]

  /// Reads a declaration; nil when it cannot be understood.
  mutating func read(_ entry: YAMLNode.Entry) -> GraphDocument.ParamDeclaration? {
    guard let keys = entry.value.entries else {
      collector.error(
        .wrongType, "a parameter is a mapping", at: entry.value.range,
        .init(expected: "`{type: ..., default: ...}`", got: entry.value.kindName))
      return nil
    }
    var kind: ParamKind?
    var typeName = ""
    var declaration = GraphDocument.ParamDeclaration(
      name: .init(text: entry.key, range: entry.keyRange), kind: .string, defaultValue: nil,
      isRequired: false, limits: ParamLimits(), choices: [], description: nil)
    for key in keys {
      let value = key.value
      switch key.key {
      case "type": (kind, typeName) = readKind(value)
      case "default": declaration.defaultValue = value
      case "required": declaration.isRequired = bool(key)
      case "min": declaration.limits.min = number(key)
      case "max": declaration.limits.max = number(key)
      case "multiple_of": declaration.limits.multipleOf = step(key)
      case "choices": declaration.choices = choices(value)
      case "description": checkText(key, &declaration.description)
      case _ where key.key.hasPrefix("x-"): break
      default:
        collector.error(
          .unknownKey, "unknown key `\(key.key)` in parameter `\(entry.key)`", at: key.keyRange,
          .init(
            expected: "one of " + Self.keys.map { "`\($0)`" }.joined(separator: ", "),
            hint: didYouMean(key.key, among: Self.keys)))
      }
    }
    if !keys.contains(where: { $0.key == "type" }) {
      collector.error(
        .missingKey, "parameter `\(entry.key)` has no `type`", at: entry.keyRange,
        .init(expected: Self.expectedKinds))
    }
    guard let kind else { return nil }
    declaration.kind = kind
    checkCombination(declaration, typeName: typeName, keys: keys)
    return declaration
  }

  private static var expectedKinds: String {
    "one of " + kinds.map { "`\($0.name)`" }.joined(separator: ", ")
  }

  private mutating func readKind(_ value: YAMLNode) -> (ParamKind?, String) {
    if case .string(let name)? = value.literal {
      if let found = Self.kinds.first(where: { $0.name == name }) { return (found.kind, name) }
    }
    var hint: String?
    if case .string(let name)? = value.literal {
      hint = didYouMean(name, among: Self.kinds.map(\.name))
    }
    collector.error(
      .wrongType, "unknown parameter type", at: value.range,
      .init(expected: Self.expectedKinds, got: value.kindName, hint: hint))
    return (nil, "")
  }

  private mutating func checkCombination(
    _ declaration: GraphDocument.ParamDeclaration, typeName: String, keys: [YAMLNode.Entry]
  ) {
    let isNumber = typeName == "int" || typeName == "float"
    for key in keys where ["min", "max", "multiple_of"].contains(key.key) && !isNumber {
      collector.error(
        .unknownKey, "`\(key.key)` is for numbers only", at: key.keyRange,
        .init(expected: "type `int` or `float`", got: "type `\(typeName)`"))
    }
    if typeName == "enum", declaration.choices.isEmpty {
      collector.error(
        .missingKey, "an enum has `choices`", at: declaration.name.range,
        .init(expected: "`choices: [...]`"))
    }
    if let low = declaration.limits.min, let high = declaration.limits.max, low > high,
      let key = keys.first(where: { $0.key == "max" })
    {
      collector.error(.outOfRange, "`max` is below `min`", at: key.value.range)
    }
    if declaration.isRequired, let value = declaration.defaultValue {
      collector.error(
        .unknownKey, "a required parameter has no default", at: value.range,
        .init(hint: "leave out `required` or `default`"))
    }
  }

  private mutating func bool(_ entry: YAMLNode.Entry) -> Bool {
    if case .bool(let value)? = entry.value.literal { return value }
    wrong(entry, expected: "bool (true or false)")
    return false
  }

  private mutating func number(_ entry: YAMLNode.Entry) -> Double? {
    switch entry.value.literal {
    case .int(let value)?: return Double(value)
    case .float(let value)? where value.isFinite: return value
    default:
      wrong(entry, expected: "a number")
      return nil
    }
  }

  private mutating func step(_ entry: YAMLNode.Entry) -> Int? {
    if case .int(let value)? = entry.value.literal, let step = Int(exactly: value), step > 0 {
      return step
    }
    wrong(entry, expected: "a whole number above 0")
    return nil
  }

  private mutating func checkText(_ entry: YAMLNode.Entry, _ text: inout String?) {
    if case .string(let value)? = entry.value.literal {
      text = value
    } else {
      wrong(entry, expected: "string")
    }
  }

  private mutating func choices(_ value: YAMLNode) -> [Literal] {
    guard let items = value.items, !items.isEmpty else {
      collector.error(
        .wrongType, "`choices` must be a list of values", at: value.range,
        .init(got: value.kindName))
      return []
    }
    return items.compactMap { item in
      if let literal = item.literal { return literal }
      collector.error(.wrongType, "a choice must be a plain value", at: item.range)
      return nil
    }
  }

  private mutating func wrong(_ entry: YAMLNode.Entry, expected: String) {
    collector.error(
      .wrongType, "`\(entry.key)` has a value of another type", at: entry.value.range,
      .init(expected: expected, got: entry.value.kindName))
  }
}
