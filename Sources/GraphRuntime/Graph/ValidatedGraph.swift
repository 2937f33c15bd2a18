/// A graph that can run.
///
/// All names have been looked up, all values checked, and light nodes evaluated.
public struct ValidatedGraph: Sendable {
  /// The graph's name.
  public let name: String
  /// The file it came from, as messages call it.
  public let file: String
  /// The folder that its relative paths start from.
  public let folder: String
  /// A description, for people.
  public let description: String?
  /// The parameters with their values, in the order of the file.
  public let params: [ResolvedParam]
  /// The nodes, each after what it depends on.
  public let nodes: [ResolvedNode]
  /// The outputs to be made, in the order of the file.
  public let outputs: [ResolvedOutput]
  /// Nodes asked for by name, beside the outputs.
  public let targets: [String]
  /// Warnings, with the texts they point into.
  public let diagnostics: Diagnostics
  /// Files, services and settings with which it was validated; a run uses the same.
  public let environment: RunEnvironment
  /// Final outputs of light nodes, by node and port.
  let values: [String: [String: any PortValue]]
  private let predictions: [String: [String: any PortValue]]
  /// Memory estimates by node.
  let estimates: [String: MemoryEstimate]
  let document: GraphDocument
  private let nodesByID: [String: ResolvedNode]

  /// The parts of a validated graph.
  struct Parts {
    var document: GraphDocument
    var file: String
    var folder: String
    var params: [ResolvedParam]
    var nodes: [ResolvedNode]
    var outputs: [ResolvedOutput]
    var targets: [String]
    /// Final outputs of light nodes, by node and port.
    var values: [String: [String: any PortValue]]
    /// Outputs of other nodes as validation foresaw them.
    var predictions: [String: [String: any PortValue]]
    var estimates: [String: MemoryEstimate]
  }

  init(_ parts: Parts, diagnostics: Diagnostics, environment: RunEnvironment) {
    name = parts.document.name
    file = parts.file
    folder = parts.folder
    description = parts.document.description
    params = parts.params
    nodes = parts.nodes
    outputs = parts.outputs
    targets = parts.targets
    document = parts.document
    values = parts.values
    predictions = parts.predictions
    estimates = parts.estimates
    self.diagnostics = diagnostics
    self.environment = environment
    nodesByID = Dictionary(
      parts.nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Finds a node.
  ///
  /// - Parameter id: Its name in the graph.
  /// - Returns: The node, nil when there is none.
  public func node(_ id: String) -> ResolvedNode? { nodesByID[id] }

  /// The parameters' values by name.
  public var paramValues: [String: Literal] {
    Dictionary(params.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// Whether a node ran while the graph was validated.
  ///
  /// - Parameter id: The node's name.
  /// - Returns: True for light nodes whose inputs were all known.
  public func isEvaluated(_ id: String) -> Bool { values[id] != nil }

  /// The final value of a light node's output, known without a run.
  ///
  /// - Parameters:
  ///   - node: The node's name.
  ///   - port: The output port's name.
  /// - Returns: The value, nil for nodes that only a run can do.
  public func value(node: String, port: String) -> (any PortValue)? { values[node]?[port] }

  /// The value of an output as far as it is known before the run: the final value or a prediction.
  ///
  /// - Parameters:
  ///   - node: The node's name.
  ///   - port: The output port's name.
  /// - Returns: The value or a prediction of it, nil when nothing is known.
  public func prospect(node: String, port: String) -> (any PortValue)? {
    values[node]?[port] ?? predictions[node]?[port]
  }
}
