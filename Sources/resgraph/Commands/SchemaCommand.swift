import ArgumentParser
import GraphRuntime
import Resgraph

/// `resgraph schema`.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints the JSON Schema of graph files, for editors.")

  func run() throws { Terminal.exactResult(GraphSchema(catalog: try NodeCatalog.standard()).text) }
}
