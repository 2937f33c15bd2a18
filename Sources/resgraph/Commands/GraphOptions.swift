import ArgumentParser
import GraphRuntime

/// The graph of a command and the values of its parameters.
struct GraphOptions: ParsableArguments {
  @Argument(
    help: "A graph file (YAML or JSON), or a PNG that this program wrote: its graph is taken.",
    completion: .file())
  var graph: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Sets a parameter, or a port as in nodes.NODE.PORT.", valueName: "name=value"))
  var sets: [String] = []

  @Option(
    name: .customLong("set-file"), parsing: .singleValue,
    help: ArgumentHelp("Sets a parameter or a port to the text of a file.", valueName: "name=@file")
  )
  var setFiles: [String] = []

  @Option(
    name: .customLong("params-file"), parsing: .singleValue,
    help: "Reads parameters from a YAML or JSON file.", completion: .file())
  var paramsFiles: [String] = []

  @Option(
    name: .customLong("target"), parsing: .singleValue,
    help: ArgumentHelp(
      "Makes only this output, or this node: what it gives is written, as NODE.PORT where the graph "
        + "names no output for it. Repeatable.", valueName: "name"))
  var targets: [String] = []

  @OptionGroup var paths: ModelPathOptions

  /// The request that the options make.
  var request: GraphRequest {
    GraphRequest(
      path: graph, sets: sets, setFiles: setFiles, paramsFiles: paramsFiles, targets: targets,
      modelPaths: paths.all)
  }
}
