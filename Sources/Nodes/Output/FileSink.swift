public import GraphRuntime
import ResgraphFiles
import Synchronization

/// Writes the outputs of one run as files that other programs open: pictures and masks as PNG,
/// latents, noise and conditionings as safetensors, plain values as text.
final class FileSink: OutputSink {
  private let folder: String
  private let recordsGraph: Bool
  private let made = Mutex<ProvenanceRecord?>(nil)
  private let isPreparing = Atomic<Bool>(false)

  /// Prepares to write into a folder, which is made when it is missing.
  ///
  /// - Parameters:
  ///   - folder: The folder that the names of files start from.
  ///   - recordsGraph: Whether PNG files carry the graph that made them.
  init(folder: String, recordsGraph: Bool) {
    self.folder = folder
    self.recordsGraph = recordsGraph
  }

  /// Finds before anything runs that an output could not be written.
  ///
  /// - Throws: `FileError`.
  func check(_ plan: Plan) throws {
    for path in plan.files(in: folder) { try AtomicFile.check(path) }
  }

  func write(
    _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
  ) throws -> [String] {
    guard let value = value as? any WritableValue else {
      throw NodeError(
        "a \(type(of: value).typeName) cannot be written to a file", port: output.name,
        expected: WritableTypes.endings.keys.sorted().joined(separator: " or "), status: .invalid)
    }
    let first = output.fileNames(params: graph.paramValues)[0]
    let own = realFolder(folderName(of: joinPath(folder, first)))
    let text = try record(of: graph)?
      .text(folder: relativePath(from: own, to: realFolder(graph.folder)))
    let files = try value.files(name: output.name, record: text)
    let names = output.fileNames(params: graph.paramValues, count: files.count)
    return try zip(files, names).map { bytes, name in
      let path = joinPath(folder, name)
      try AtomicFile.write(bytes, to: path)
      return path
    }
  }

  /// Begins to make the record beside the nodes, the first time it is called: by then weights are
  /// loaded, and digesting them need not wait for the first output.
  func prepareRecord(of graph: ValidatedGraph) {
    guard recordsGraph, !isPreparing.exchange(true, ordering: .relaxed) else { return }
    // What fails here fails again, and is reported, when the output is written.
    try? WorkerThread { [self] in _ = try? record(of: graph) }.detach()
  }

  /// The record of the run, made once: it reads every file that the graph names.
  private func record(of graph: ValidatedGraph) throws -> ProvenanceRecord? {
    guard recordsGraph else { return nil }
    return try made.withLock { known in
      if let known { return known }
      let record = try ProvenanceRecord(graph, version: "resgraph \(EngineVersion.text)")
      known = record
      return record
    }
  }
}

extension Plan {
  /// The files that a run into a folder writes.
  ///
  /// - Parameter folder: The folder.
  /// - Returns: The paths of each output's files, in the order of the graph; the batch of a picture
  ///   that only the run knows counts as one.
  public func files(in folder: String) -> [String] {
    graph.outputs.flatMap { output in
      output.fileNames(
        params: graph.paramValues, of: graph.prospect(node: output.node, port: output.port))
    }.map { joinPath(folder, $0) }
  }
}
