/// A graph file whose structure has been checked, and whose names have not been looked up yet.
public struct GraphDocument: Sendable {
  /// The graph's name; the file's name without its ending unless given.
  public var name: String
  /// A description of the graph, for people.
  public var description: String?
  /// The graph's parameters, in order.
  public var params: [ParamDeclaration]
  /// Port values for all nodes of a type.
  public var defaults: [TypeDefaults]
  /// The nodes, in order.
  public var nodes: [NodeDeclaration]
  /// The outputs, in order.
  public var outputs: [OutputDeclaration]
  /// The whole document, for writing it into results.
  public var root: YAMLNode

  /// A name with its place.
  public struct Name: Sendable {
    /// The text.
    public var text: String
    /// Where it stands.
    public var range: SourceRange
  }

  /// A parameter of the graph.
  public struct ParamDeclaration: Sendable {
    /// Its name.
    public var name: Name
    /// The kind of its value.
    public var kind: ParamKind
    /// The default as written.
    public var defaultValue: YAMLNode?
    /// Whether a value must be given.
    public var isRequired: Bool
    /// The range of a number.
    public var limits: ParamLimits
    /// The values allowed, empty for any.
    public var choices: [Literal]
    /// A description, for people.
    public var description: String?
  }

  /// A port of a node with its value.
  public struct PortAssignment: Sendable {
    /// The port's name.
    public var name: Name
    /// The value, nil when it could not be understood.
    public var value: Expression?
  }

  /// Port values for all nodes of a type.
  public struct TypeDefaults: Sendable {
    /// The node type.
    public var type: Name
    /// The values.
    public var ports: [PortAssignment]
  }

  /// A node.
  public struct NodeDeclaration: Sendable {
    /// Its name.
    public var id: Name
    /// Its type's name.
    public var type: Name
    /// The version asked for, if any.
    public var version: Int?
    /// Whether results may be kept: `cache: never` says no.
    public var isCached: Bool
    /// The author's note about it.
    public var note: String?
    /// The values of its ports.
    public var ports: [PortAssignment]
  }

  /// An output of the graph.
  public struct OutputDeclaration: Sendable {
    /// Its name.
    public var name: Name
    /// The value: a reference to a node.
    public var value: Expression
    /// The file name pattern, if one is given.
    public var path: Name?
  }
}
