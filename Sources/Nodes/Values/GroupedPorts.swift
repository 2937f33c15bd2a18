import GraphRuntime

/// A node type with a group of shared ports, which are read and set as if it declared them itself.
@dynamicMemberLookup
protocol GroupedPorts: NodeType {
  associatedtype Ports
  var ports: Ports { get }
}

extension GroupedPorts {
  /// A port of the group.
  subscript<Value>(dynamicMember port: ReferenceWritableKeyPath<Ports, Value>) -> Value {
    get { ports[keyPath: port] }
    nonmutating set { ports[keyPath: port] = newValue }
  }
}
