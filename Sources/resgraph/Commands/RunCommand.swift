import ArgumentParser
import Foundation
import GraphRuntime
import Resgraph
import ResgraphFiles
import Synchronization

/// `resgraph run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs a graph and writes its outputs.",
    discussion: """
      resgraph run graphs/text-to-image.yaml --set seed=7 -o out
      resgraph run out/picture.png --set seed=8     the graph inside a picture, with another seed
      """)

  @OptionGroup var graph: GraphOptions
  @OptionGroup var engine: EngineOptions

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "Writes outputs here; out/<graph name> when left out.", valueName: "dir"),
    completion: .directory)
  var folder: String?

  @Option(help: "Progress on standard error: auto, plain, json or none.")
  var progress = ProgressMode.auto

  @Flag(help: "Prints one JSON document instead of one path per line.") var json = false

  @Option(help: "What PNG files carry: graph, or none.") var metadata = MetadataMode.graph

  /// How progress is shown.
  enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
    case auto
    case plain
    case json
    case none
  }

  /// What PNG files carry beside the pixels.
  enum MetadataMode: String, ExpressibleByArgument, CaseIterable {
    case graph
    case none
  }

  func run() throws {
    Interruption.install()
    let engine = try engine.engine()
    let (request, origin) = try graph.request()
    let valid = try engine.validator.validate(request)
    let reporter = RunReporter(progress: progress, printsPaths: !json)
    reporter.show(valid.diagnostics)
    let sink = FileSink(
      folder: folder ?? "out/\(valid.name)", origin: metadata == .graph ? origin : nil)
    let plan = try self.engine.planner.plan(valid)
    try sink.check(valid)
    let lifetimes = ModelLifetimes(plan, store: engine.models)
    let executor = Executor(
      sink: sink,
      onEvent: { event in
        if case .nodeDone(let node, _, _, _) = event { lifetimes.finish(node: node) }
        if case .nodeStep(_, let step, _) = event, step > 0 { sink.prepareRecord(of: valid) }
        reporter.handle(event)
      })
    let summary = try executor.run(plan)
    if json { try JSONOutput.print(RunReport(plan, summary)) }
    try Terminal.checkResults()
  }
}

/// What `run --json` prints.
private struct RunReport: Encodable {
  struct Output: Encodable {
    let name: String
    let paths: [String]
  }

  let schemaVersion = 1
  let graph: String
  let outputs: [Output]
  let params: [String: ParamReport]
  let seconds: Double
  let peakTensorBytes: Int

  init(_ plan: Plan, _ summary: RunSummary) {
    graph = plan.graph.name
    outputs = summary.outputs.map { Output(name: $0.name, paths: $0.paths) }
    params = plan.graph.paramValues.mapValues(ParamReport.init)
    seconds = summary.seconds
    peakTensorBytes = Engine.peakTensorBytes
  }

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case graph
    case outputs
    case params
    case seconds
    case peakTensorBytes = "peak_tensor_bytes"
  }
}

/// A parameter's value in JSON's own types.
private struct ParamReport: Encodable {
  let value: Literal

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch value {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .float(let number) where number.isFinite: try container.encode(number)
    case .float: try container.encode(value.description)
    case .string(let value): try container.encode(value)
    case .list(let items): try container.encode(items.map(ParamReport.init))
    }
  }
}

/// Writes outputs as files.
private final class FileSink: OutputSink {
  private let folder: String
  /// The folder that the graph's paths start from; nil to leave the graph out of pictures.
  private let origin: String?
  private let record = Mutex<String?>(nil)
  private let isPreparing = Atomic<Bool>(false)

  init(folder: String, origin: String?) {
    self.folder = folder
    self.origin = origin
  }

  /// Finds before anything runs that an output could not be written.
  func check(_ graph: ValidatedGraph) throws {
    for output in graph.outputs {
      try AtomicFile.check(OutputWriter.path(of: output, in: folder, params: graph.paramValues))
    }
  }

  func write(
    _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
  ) throws -> [String] {
    let writer = OutputWriter(folder: folder, metadata: try text(of: graph))
    let values = graph.paramValues
    return try writer.write(
      value, name: output.name,
      fileName: output.pattern.map { pattern in
        { index in pattern.expanded(params: values, index: index) }
      })
  }

  /// Begins to make the record beside the nodes, the first time it is called: by then weights are
  /// loaded, and digesting them need not wait for the first output.
  func prepareRecord(of graph: ValidatedGraph) {
    guard origin != nil, !isPreparing.exchange(true, ordering: .relaxed) else { return }
    // What fails here fails again, and is reported, when the output is written.
    Thread.detachNewThread { [self] in _ = try? text(of: graph) }
  }

  /// The record of the run, made once: it reads every file that the graph names.
  private func text(of graph: ValidatedGraph) throws -> String? {
    guard let origin else { return nil }
    return try record.withLock { known in
      if let known { return known }
      let made = try ProvenanceRecord(
        graph, folder: relativePath(from: folder, to: origin),
        version: "resgraph \(EngineVersion.text)"
      ).text
      known = made
      return made
    }
  }
}
