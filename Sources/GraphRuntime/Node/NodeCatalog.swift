/// The node types a graph may use.
public struct NodeCatalog: Sendable {
  private let types: [String: any NodeType.Type]
  /// The declarations, in the order given.
  public let schemas: [NodeSchema]

  /// Collects node types.
  ///
  /// - Parameter types: The types, in the order in which listings show them.
  /// - Throws: `CatalogError` when a declaration is not sound.
  public init(_ types: [any NodeType.Type]) throws {
    var byName: [String: any NodeType.Type] = [:]
    var schemas: [NodeSchema] = []
    for type in types {
      let instance = NodeInstance(type)
      if let problem = Self.problem(of: instance, taken: Set(byName.keys)) {
        throw CatalogError(typeName: type.name, problem: problem)
      }
      byName[type.name] = type
      schemas.append(instance.schema)
    }
    self.types = byName
    self.schemas = schemas
  }

  /// The names of all types, in the order given.
  public var names: [String] { schemas.map(\.name) }

  /// Finds a type.
  ///
  /// - Parameter name: The name graphs use.
  /// - Returns: The type, nil when there is none of that name.
  public func type(named name: String) -> (any NodeType.Type)? { types[name] }

  /// Finds a declaration.
  ///
  /// - Parameter name: The name graphs use.
  /// - Returns: The declaration, nil when there is none of that name.
  public func schema(named name: String) -> NodeSchema? { schemas.first { $0.name == name } }

  /// Keys of a node that are not ports.
  static let controlKeys = ["type", "when", "foreach", "cache", "note"]

  private static func problem(of instance: NodeInstance, taken: Set<String>) -> String? {
    if taken.contains(instance.type.name) { return "another type has the same name" }
    if let stray = instance.strays.first { return "stored property `\(stray)` is not a port" }
    let names = instance.inputs.map(\.name) + instance.params.map(\.name)
    let outputs = instance.outputs.map(\.name)
    if let twice = firstRepeated(names) ?? firstRepeated(outputs) {
      return "two ports are named `\(twice)`"
    }
    if let control = names.first(where: { controlKeys.contains($0) || $0.hasPrefix("x-") }) {
      return "port `\(control)` has the name of a control key"
    }
    if instance.outputs.isEmpty { return "it has no output" }
    for (name, rule) in instance.inputs.map({ ($0.name, $0.port.family) })
      + instance.outputs.map({ ($0.name, $0.port.family) })
    {
      if case .same(let port) = rule, instance.input(port) == nil {
        return "port `\(name)` takes its family from `\(port)`, which is no input"
      }
    }
    for param in instance.params {
      if let literal = param.port.defaultLiteral, (try? param.port.limits.check(literal)) == nil {
        return "the default of `\(param.name)` is out of its range"
      }
    }
    return nil
  }

  private static func firstRepeated(_ names: [String]) -> String? {
    var seen: Set<String> = []
    return names.first { !seen.insert($0).inserted }
  }
}

/// A node type's declaration is not sound: a defect of the program.
public struct CatalogError: ExitStatusError, Hashable {
  /// The node type.
  public var typeName: String
  /// What is wrong with it.
  public var problem: String
  /// `internalError`.
  public var exitStatus: ExitStatus { .internalError }
}
