import ArgumentParser
import Foundation
import GraphRuntime
import Resgraph
import ResgraphFiles

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
    help: ArgumentHelp("Sets a parameter to the text of a file.", valueName: "name=@file"))
  var setFiles: [String] = []

  @Option(
    name: .customLong("params-file"), parsing: .singleValue,
    help: "Reads parameters from a YAML or JSON file.", completion: .file())
  var paramsFiles: [String] = []

  @Option(
    name: .customLong("target"), parsing: .singleValue,
    help: ArgumentHelp("Makes only this node or output.", valueName: "node"))
  var targets: [String] = []

  @OptionGroup var paths: ModelPathOptions

  /// The request that the options make, and the folder that the graph's paths start from.
  func request() throws -> (request: GraphRequest, folder: String) {
    let picture = try PictureGraph(path: graph)
    let own = URL(filePath: graph).deletingLastPathComponent()
    let origin = picture?.record.folder.map { own.appending(path: $0).relativePath }
    let request = GraphRequest(
      path: graph, contents: picture.map { Array($0.record.text.utf8) }, sets: sets,
      setFiles: setFiles, paramsFiles: paramsFiles, targets: targets,
      modelPaths: [origin].compactMap(\.self) + paths.all)
    return (request, origin ?? own.relativePath)
  }
}

/// Where models are looked for.
struct ModelPathOptions: ParsableArguments {
  @Option(
    name: .customLong("model-path"), parsing: .singleValue,
    help: ArgumentHelp(
      "Looks for files here when the graph's own folder has none. Repeatable; also RESGRAPH_MODEL_PATH.",
      valueName: "dir"),
    completion: .directory)
  var modelPaths: [String] = []

  /// The folders of the flags, then those of the environment.
  var all: [String] {
    let listed = Terminal.environment("RESGRAPH_MODEL_PATH") ?? ""
    return modelPaths + listed.split(separator: ":").map(String.init)
  }
}

/// The graph inside a picture that this program wrote.
struct PictureGraph {
  let record: ProvenanceRecord

  /// Reads the graph; nil when the file is no PNG.
  ///
  /// - Throws: `NodeError` when the PNG carries no graph.
  init?(path: String) throws {
    guard let start = try? OpenFile(path).bytes(at: 0, count: 8), PNGMetadata.isPNG(start) else {
      return nil
    }
    guard let text = try PNGMetadata.read(path: path) else {
      throw NodeError(
        "\(path) carries no graph", hint: "it was not written by resgraph, or with --metadata none",
        status: .invalid)
    }
    record = ProvenanceRecord(text: text)
  }
}
