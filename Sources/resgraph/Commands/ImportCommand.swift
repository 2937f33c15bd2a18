import ArgumentParser
import GraphRuntime
import Resgraph
import ResgraphFiles

/// `resgraph import`.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turns a configuration of the ResAdapter authors' runner into a graph.",
    discussion: """
      Takes the YAML files that bytedance/res-adapter's main.py takes. Keys that are not translated \
      are named on standard error and in the graph's first lines.
      """)

  @Argument(help: "The configuration.", completion: .file()) var config: String
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "Writes the graph here instead of to standard output.", valueName: "file"))
  var output: String?
  @OptionGroup var paths: ModelPathOptions

  func run() throws {
    let imported = try ImportedGraph(path: config, folders: ["."] + paths.all)
    Terminal.raw(DiagnosticText.render(imported.warnings))
    guard let output else {
      Terminal.result(
        imported.text.hasSuffix("\n") ? String(imported.text.dropLast()) : imported.text)
      return
    }
    try AtomicFile.write(Array(imported.text.utf8), to: output)
    Terminal.result(output)
  }
}
