/// The JSON Schema (draft 2020-12) of the graph language, for editors.
public struct GraphSchema: Sendable {
  private let catalog: NodeCatalog

  /// Prepares a schema.
  ///
  /// - Parameter catalog: The node types that graphs may use.
  public init(catalog: NodeCatalog) { self.catalog = catalog }

  private static let namePattern = "^[A-Za-z_][A-Za-z0-9_-]*$"
  private static let reference = "#/$defs/reference"
  private static let text = JSONTree.object([("type", .string("string"))])

  /// The schema as a JSON text.
  ///
  /// Every valid graph fits the schema. References, families and files are checked by the validator
  /// only. Ports are never required here, because `defaults` may give their values.
  public var text: String { tree.text }

  private var tree: JSONTree {
    let properties: [(String, JSONTree)] = [
      ("version", .object([("const", .int(1))])),
      ("name", Self.text),
      ("description", Self.text),
      ("params", named(reference("param"))),
      (
        "defaults",
        .object([
          ("type", .string("object")),
          ("properties", .object(catalog.schemas.map { ($0.name, ports(of: $0)) })),
          ("additionalProperties", .bool(false)),
        ])
      ),
      ("nodes", named(reference("node"), atLeastOne: true)),
      ("outputs", named(reference("output"), atLeastOne: true)),
    ]
    return .object([
      ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
      ("title", .string("resgraph graph, version 1")),
      ("type", .string("object")),
      ("required", .strings(["version", "nodes", "outputs"])),
      ("properties", .object(properties)),
      ("patternProperties", .object([("^x-", .bool(true))])),
      ("additionalProperties", .bool(false)),
      ("$defs", .object(definitions)),
    ])
  }

  private func reference(_ name: String) -> JSONTree {
    .object([("$ref", .string("#/$defs/\(name)"))])
  }

  private func named(_ value: JSONTree, atLeastOne: Bool = false) -> JSONTree {
    .object(
      [
        ("type", .string("object")),
        ("propertyNames", .object([("pattern", .string(Self.namePattern))])),
        ("additionalProperties", value),
      ] + (atLeastOne ? [("minProperties", .int(1))] : []))
  }

  private var definitions: [(String, JSONTree)] {
    let nodeReference = JSONTree.object([
      ("type", .string("string")),
      ("pattern", .string("^\\$[A-Za-z_][A-Za-z0-9_-]*(\\.[A-Za-z_][A-Za-z0-9_-]*)?$")),
    ])
    return [
      ("reference", nodeReference), ("param", paramDeclaration), ("output", output),
      ("node", node),
    ] + catalog.schemas.map { ("node:" + $0.name, nodeBody($0)) }
  }

  private var paramDeclaration: JSONTree {
    let kinds = ["string", "int", "float", "bool", "path", "seed", "enum"]
    let number = JSONTree.object([("type", .string("number"))])
    return .object([
      ("type", .string("object")),
      ("required", .strings(["type"])),
      (
        "properties",
        .object([
          ("type", .object([("enum", .strings(kinds))])),
          ("default", .object([("type", .strings(["string", "number", "boolean"]))])),
          ("required", .object([("type", .string("boolean"))])),
          ("min", number),
          ("max", number),
          ("multiple_of", .object([("type", .string("integer")), ("minimum", .int(1))])),
          ("choices", .object([("type", .string("array")), ("minItems", .int(1))])),
          ("description", Self.text),
        ])
      ),
      ("patternProperties", .object([("^x-", .bool(true))])),
      ("additionalProperties", .bool(false)),
    ])
  }

  private var output: JSONTree {
    .object([
      (
        "oneOf",
        .array([
          reference("reference"),
          .object([
            ("type", .string("object")),
            ("required", .strings(["value"])),
            ("properties", .object([("value", reference("reference")), ("path", Self.text)])),
            ("patternProperties", .object([("^x-", .bool(true))])),
            ("additionalProperties", .bool(false)),
          ]),
        ])
      )
    ])
  }

  private var node: JSONTree {
    let names = catalog.schemas.flatMap { [$0.name, "\($0.name)@\($0.version)"] }
    let cases = catalog.schemas.map { schema in
      let type = JSONTree.object([
        ("enum", .strings([schema.name, "\(schema.name)@\(schema.version)"]))
      ])
      return JSONTree.object([
        ("if", .object([("properties", .object([("type", type)]))])),
        ("then", reference("node:" + schema.name)),
      ])
    }
    return .object([
      ("type", .string("object")),
      ("required", .strings(["type"])),
      ("properties", .object([("type", .object([("enum", .strings(names))]))])),
      ("allOf", .array(cases)),
    ])
  }

  private func nodeBody(_ schema: NodeSchema) -> JSONTree {
    let control: [(String, JSONTree)] = [
      ("type", Self.text),
      ("cache", .object([("enum", .strings(["auto", "never"]))])),
      ("note", Self.text),
    ]
    return .object([
      ("description", .string(schema.summary)),
      ("type", .string("object")),
      ("properties", .object(control + portProperties(schema))),
      ("patternProperties", .object([("^x-", .bool(true))])),
      ("additionalProperties", .bool(false)),
    ])
  }

  private func ports(of schema: NodeSchema) -> JSONTree {
    .object([
      ("type", .string("object")),
      ("properties", .object(portProperties(schema))),
      ("patternProperties", .object([("^x-", .bool(true))])),
      ("additionalProperties", .bool(false)),
    ])
  }

  private func portProperties(_ schema: NodeSchema) -> [(String, JSONTree)] {
    schema.inputs.map { ($0.name, input($0)) } + schema.params.map { ($0.name, param($0)) }
  }

  private func input(_ input: NodeSchema.InputSchema) -> JSONTree {
    // A literal may stand where the port's type is a plain one. The validator checks its form.
    var one = input.acceptsLiteral ? JSONTree.bool(true) : reference("reference")
    if input.arity == .optional, !input.acceptsLiteral {
      one = .object([("oneOf", .array([one, .object([("type", .string("null"))])]))])
    }
    let description = ("description", JSONTree.string("\(input.typeText): \(input.summary)"))
    guard input.arity == .list else { return .object([description, ("allOf", .array([one]))]) }
    let list = JSONTree.object([("type", .string("array")), ("items", one)])
    return .object([description, ("anyOf", .array([one, list]))])
  }

  private func param(_ param: NodeSchema.ParamSchema) -> JSONTree {
    var forms = valueForms(param.kind, limits: param.limits)
    // A parameter of the graph or a plain output of another node; a text may also have
    // placeholders.
    forms.append(.object([("type", .string("string")), ("pattern", .string("^\\$|\\$\\{"))]))
    if param.defaultValue == "null" { forms.append(.object([("type", .string("null"))])) }
    var entries: [(String, JSONTree)] = [
      ("description", .string("\(param.typeText): \(param.summary)")), ("anyOf", .array(forms)),
    ]
    if let value = param.defaultValue, value != "null" {
      entries.append(("default", defaultTree(value)))
    }
    return .object(entries)
  }

  private func defaultTree(_ value: String) -> JSONTree {
    // Defaults are stored as in a graph file, which is JSON except for infinities.
    DocumentText.read(Array("{\"v\": \(value)}".utf8), file: "default").root?.value("v")
      .map(JSONTree.init) ?? .string(value)
  }

  private func valueForms(_ kind: ParamKind, limits: ParamLimits) -> [JSONTree] {
    func number(_ type: String) -> JSONTree {
      var entries: [(String, JSONTree)] = [("type", .string(type))]
      if let min = limits.min { entries.append(("minimum", .number(min))) }
      if let max = limits.max { entries.append(("maximum", .number(max))) }
      if let step = limits.multipleOf { entries.append(("multipleOf", .int(step))) }
      return .object(entries)
    }
    switch kind {
    case .int: return [number("integer")]
    case .float:
      return [number("number"), .object([("enum", .strings([".inf", "-.inf", ".nan"]))])]
    case .string, .path, .outputPath: return [Self.text]
    case .bool: return [.object([("type", .string("boolean"))])]
    case .seed:
      return [
        .object([("type", .string("integer")), ("minimum", .int(0))]),
        .object([("const", .string("random"))]),
      ]
    case .choice(let words): return [.object([("enum", .strings(words))])]
    case .either(let kinds): return kinds.flatMap { valueForms($0, limits: limits) }
    case .list(let element):
      let forms = valueForms(element, limits: limits) + [reference("reference")]
      return [
        .object([("type", .string("array")), ("items", .object([("anyOf", .array(forms))]))])
      ] + valueForms(element, limits: limits)
    }
  }
}

extension JSONTree {
  /// A document's node as JSON; aliases are written out.
  init(_ node: YAMLNode) {
    switch node.content {
    case .scalar(let literal, _): self = .literal(literal)
    case .broken: self = .literal(.null)
    case .sequence(let items): self = .array(items.map(JSONTree.init))
    case .mapping(let entries): self = .object(entries.map { ($0.key, JSONTree($0.value)) })
    }
  }
}
