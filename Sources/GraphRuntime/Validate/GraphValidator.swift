import ResgraphFiles

/// Reads a graph and checks everything that can be checked before it runs.
public struct GraphValidator: Sendable {
  private let catalog: NodeCatalog
  private let environment: RunEnvironment
  private let outputEndings: [String: String]?

  /// Prepares to validate graphs.
  ///
  /// - Parameters:
  ///   - catalog: The node types that graphs may use.
  ///   - environment: Services and settings; its search folders are replaced by the graph's folder
  ///     and the request's model paths.
  ///   - outputEndings: The port types that can be written as outputs, with the endings of their
  ///     files (`png`); nil where outputs are not written, and may be of any type.
  public init(
    catalog: NodeCatalog, environment: RunEnvironment = RunEnvironment(),
    outputEndings: [String: String]? = nil
  ) {
    self.catalog = catalog
    self.environment = environment
    self.outputEndings = outputEndings
  }

  /// Reads and checks a graph.
  ///
  /// - Parameter request: The graph file, parameter values and search folders.
  /// - Returns: The graph, ready to be planned; warnings are inside.
  /// - Throws: `Diagnostics` with everything that is wrong; `FileError` when the graph file cannot be
  ///   read; `RunCancelled`.
  public func validate(_ request: GraphRequest) throws -> ValidatedGraph {
    let bytes =
      try request.contents
      ?? FileReader.bytes(request.path, limit: YAMLLimits().byteCount, rule: .regularOrPipe)
    let text = DocumentText.read(bytes, file: request.path)
    guard let root = text.root else { throw Diagnostics(text.found, sources: [text.source]) }
    let (document, readerFindings) = GraphReader.read(root, name: request.defaultName)
    guard let document else {
      throw Diagnostics(text.found + readerFindings.found, sources: [text.source])
    }
    var pass = ValidationPass(
      document: document, request: request, catalog: catalog, environment: environment,
      outputEndings: outputEndings)
    pass.collector.add(contentsOf: text.found)
    pass.collector.add(contentsOf: readerFindings.found)
    return try pass.run(source: text.source)
  }
}
