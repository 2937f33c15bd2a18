import ArgumentParser
import GraphRuntime

/// Where a graph's outputs are written.
struct OutputFolderOptions: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "The folder that outputs are written to; out/<graph name> when left out.", valueName: "dir"),
    completion: .directory)
  var folder: String?

  /// The folder for a graph.
  func folder(of graph: ValidatedGraph) -> String { folder ?? "out/\(graph.name)" }
}
