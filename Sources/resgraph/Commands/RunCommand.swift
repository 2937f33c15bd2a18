import ArgumentParser
import Resgraph

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

  @OptionGroup var output: OutputFolderOptions

  @Option(
    help: ArgumentHelp(
      "Stops after so many seconds, with exit code 75; the same command then goes on from there.",
      valueName: "seconds"))
  var timeout: Double?

  @Option(help: "Progress on standard error: auto, plain, json or none.")
  var progress = ProgressMode.auto

  @Flag(help: "Prints one JSON document instead of one path per line.") var json = false

  @Option(help: "What PNG files carry: graph, or none.") var metadata = MetadataMode.graph

  /// The text that PNG files carry beside the pixels.
  enum MetadataMode: String, ExpressibleByArgument, CaseIterable {
    case graph
    case none
  }

  func validate() throws {
    if let timeout, !(timeout > 0 && timeout < 1e9) {
      throw ValidationError("--timeout must be a number of seconds above 0")
    }
  }

  func run() throws {
    Interruption.install()
    if let timeout { Interruption.stop(after: timeout) }
    let engine = try engine.engine()
    let valid = try engine.validate(graph.request)
    let reporter = RunReporter(progress: progress, printsPaths: !json)
    reporter.show(valid.diagnostics)
    let plan = try engine.plan(valid)
    let result = try engine.run(
      plan, into: output.folder(of: valid), recordsGraph: metadata == .graph,
      onEvent: reporter.handle)
    if json { try JSONOutput.print(RunReport(plan, result)) }
  }
}
