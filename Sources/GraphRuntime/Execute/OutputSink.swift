/// Writes the outputs of a graph: belongs to the program, which knows pictures and tensors.
public protocol OutputSink: Sendable {
  /// Writes an output.
  ///
  /// Called on a thread of the run, beside other nodes; each output once.
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
