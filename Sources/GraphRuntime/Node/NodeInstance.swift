/// A named port of an instance.
struct Named<Port> {
  let name: String
  let port: Port
}

/// One node value with its ports found by name.
///
/// Ports are reference types shared with `node`, so binding them here is seen by `node.run`.
final class NodeInstance {
  let type: any NodeType.Type
  var node: any NodeType
  let inputs: [Named<any AnyInput>]
  let params: [Named<any AnyParam>]
  let outputs: [Named<any AnyOutput>]
  /// The stored properties that are not ports.
  ///
  /// A declaration with such properties is refused.
  let strays: [String]

  init(_ type: any NodeType.Type) {
    self.type = type
    node = type.init()
    var ports = DeclaredPorts()
    ports.read(node)
    inputs = ports.inputs
    params = ports.params
    outputs = ports.outputs
    strays = ports.strays
  }

  func input(_ name: String) -> (any AnyInput)? { inputs.first { $0.name == name }?.port }
  func param(_ name: String) -> (any AnyParam)? { params.first { $0.name == name }?.port }
  func output(_ name: String) -> (any AnyOutput)? { outputs.first { $0.name == name }?.port }

  /// The values of the outputs that are set.
  var outputValues: [String: any PortValue] {
    var values: [String: any PortValue] = [:]
    for output in outputs { values[output.name] = output.port.current }
    return values
  }

  /// Checks that `run` set every output.
  func checkOutputs() throws {
    if let missing = outputs.first(where: { $0.port.current == nil }) {
      throw NodeError("output `\(missing.name)` was not set", status: .internalError)
    }
  }

  var schema: NodeSchema {
    NodeSchema(
      name: type.name, version: type.version, summary: type.summary, resources: type.resources,
      isPure: type.isPure, inputs: inputs.map(Self.schema), params: params.map(Self.schema),
      outputs: outputs.map(Self.schema))
  }

  private static func schema(_ input: Named<any AnyInput>) -> NodeSchema.InputSchema {
    let port = input.port
    return .init(
      name: input.name, type: port.valueType.typeName, arity: port.arity,
      minimumCount: port.minimumCount, family: port.family.schemaText,
      acceptsLiteral: port.valueType is any ParamValue.Type, summary: port.summary)
  }

  private static func schema(_ param: Named<any AnyParam>) -> NodeSchema.ParamSchema {
    let port = param.port
    return .init(
      name: param.name, kind: port.kind, limits: port.limits,
      isRequired: port.defaultLiteral == nil, defaultValue: port.defaultLiteral?.description,
      summary: port.summary)
  }

  private static func schema(_ output: Named<any AnyOutput>) -> NodeSchema.OutputSchema {
    .init(
      name: output.name, type: output.port.valueType.typeName,
      family: output.port.family.schemaText, summary: output.port.summary)
  }
}

/// The ports that a node type declares, itself and in groups.
private struct DeclaredPorts {
  var inputs: [Named<any AnyInput>] = []
  var params: [Named<any AnyParam>] = []
  var outputs: [Named<any AnyOutput>] = []
  var strays: [String] = []

  mutating func read(_ declaration: Any) {
    for child in Mirror(reflecting: declaration).children {
      let name = snakeCase(child.label ?? "")
      switch child.value {
      case let port as any AnyInput:
        inputs.append(Named(name: port.explicitName ?? name, port: port))
      case let port as any AnyParam:
        params.append(Named(name: port.explicitName ?? name, port: port))
      case let port as any AnyOutput:
        outputs.append(Named(name: port.explicitName ?? name, port: port))
      case let ports as any AnyPortGroup: read(ports.group)
      default: strays.append(child.label ?? "?")
      }
    }
  }
}

/// Turns a Swift property name into a port name: `_textEncoder` into `text_encoder`.
///
/// - Parameter name: The name as `Mirror` gives it, with the underscore of the wrapper's storage.
/// - Returns: The name in snake case.
func snakeCase(_ name: String) -> String {
  var result = ""
  for character in name.drop(while: { $0 == "_" }) {
    if character.isUppercase {
      if !result.isEmpty, result.last != "_" { result += "_" }
      result += character.lowercased()
    } else {
      result.append(character)
    }
  }
  return result
}
