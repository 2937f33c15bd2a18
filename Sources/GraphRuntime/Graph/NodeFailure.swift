/// A node failed: the node, the port if known, the place in the graph, and the cause.
public struct NodeFailure: ExitStatusError, CustomStringConvertible {
  /// The node's name.
  public let node: String
  /// What happened, with its place.
  public let diagnostic: Diagnostic
  /// What the node threw.
  public let cause: any Error
  private let rendered: String

  /// Wraps what a node threw.
  ///
  /// An error that is a `NodeFailure` already stays as it is.
  ///
  /// - Parameters:
  ///   - error: What the node threw.
  ///   - node: The node.
  ///   - graph: The graph it is in.
  init(_ error: any Error, node: ResolvedNode, graph: ValidatedGraph) {
    if let failure = error as? NodeFailure {
      self = failure
      return
    }
    self.node = node.id
    cause = error
    let found = (error as? NodeError) ?? NodeError(String(describing: error))
    let range = found.port.flatMap { node.bindings[$0]?.range } ?? node.idRange
    let port = found.port.map { "`\($0)` of " } ?? ""
    diagnostic = Diagnostic(
      .node, "\(port)\(node.title) failed: \(found.message)", at: range,
      .init(
        expected: found.expected, got: found.got, hint: found.hint, node: node.id,
        port: found.port, status: (error as? any ExitStatusError)?.exitStatus ?? .nodeFailed))
    rendered = graph.diagnostics.render(diagnostic)
  }

  /// The exit code: that of the cause if it has one, else `nodeFailed`.
  public var exitStatus: ExitStatus { diagnostic.status }
  /// The message with the line of the graph.
  public var description: String { rendered }
}
