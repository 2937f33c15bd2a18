import ArgumentParser
import GraphRuntime
import Resgraph

/// `resgraph nodes`.
struct NodesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes", abstract: "Lists the node types.")

  @Flag(help: "Prints the declarations as one JSON document.") var json = false
  @Flag(help: "Prints the declarations as one page in Markdown.") var markdown = false

  func run() throws {
    let catalog = try NodeCatalog.standard()
    if markdown { return Terminal.result(NodeReference(catalog: catalog).markdown) }
    if json {
      try JSONOutput.print(catalog.schemas)
      return
    }
    let width = catalog.names.map(\.count).max() ?? 0
    for schema in catalog.schemas {
      let name = schema.name + String(repeating: " ", count: width - schema.name.count)
      Terminal.result("\(name)  \(schema.firstSentence)")
    }
  }
}

extension NodeSchema {
  /// The summary's first sentence, without its full stop.
  var firstSentence: Substring {
    let end = summary.firstRange(of: ". ")?.lowerBound ?? summary.endIndex
    let sentence = summary[..<end]
    return sentence.hasSuffix(".") ? sentence.dropLast() : sentence
  }
}
