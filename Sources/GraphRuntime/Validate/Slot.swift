/// The port or parameter for which a value is meant.
struct Slot {
  let port: String
  let node: String?
  let nodeType: String
  /// Names of the port types taken.
  let typeNames: [String]
  /// For parameters, the kind of value.
  let kind: ParamKind?
  let acceptsLiteral: Bool
  let isOptional: Bool
  let isList: Bool

  init(_ input: NodeSchema.InputSchema, node: String?, type: String) {
    port = input.name
    self.node = node
    nodeType = type
    typeNames = [input.type]
    kind = nil
    acceptsLiteral = input.acceptsLiteral
    isOptional = input.arity == .optional
    isList = input.arity == .list
  }

  init(_ param: NodeSchema.ParamSchema, node: String?, type: String) {
    port = param.name
    self.node = node
    nodeType = type
    kind = param.kind
    if case .list(let element) = param.kind {
      typeNames = element.portTypeNames
      isList = true
    } else {
      typeNames = param.kind.portTypeNames
      isList = false
    }
    acceptsLiteral = true
    isOptional = param.defaultValue == "null"
  }

  private init(elementOf list: Slot) {
    port = list.port
    node = list.node
    nodeType = list.nodeType
    typeNames = list.typeNames
    if case .list(let element) = list.kind { kind = element } else { kind = list.kind }
    acceptsLiteral = list.acceptsLiteral
    isOptional = false
    isList = false
  }

  /// The place of one item of a list.
  var element: Slot { Slot(elementOf: self) }

  /// ` of `node` (Type)`, or ` of Type` among the defaults.
  var owner: String { node.map { " of `\($0)` (\(nodeType))" } ?? " of \(nodeType)" }
}
