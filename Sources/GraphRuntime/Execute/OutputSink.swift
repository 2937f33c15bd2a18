/// Writes the outputs of a graph.
///
/// The engine has none of its own, because it knows neither pictures nor tensors.
public protocol OutputSink: Sendable {
  /// Writes an output.
  ///
  /// It is called once for each output, on a thread of the run, while other nodes run.
  ///
  /// - Parameters:
  ///   - value: The value.
  ///   - output: Its name, file name pattern and type.
  ///   - graph: The graph, for parameters and for the record inside the file.
  /// - Returns: The paths of the files written, in order.
  /// - Throws: Any error; `FileError` gives the right exit code.
  func write(
    _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
  ) throws -> [String]
}
