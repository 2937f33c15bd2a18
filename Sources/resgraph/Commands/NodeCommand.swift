import ArgumentParser
import GraphRuntime
import Resgraph
import ResgraphFiles

/// `resgraph node NAME`.
struct NodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Explains a node type: its inputs, parameters and outputs.")

  @Argument(
    help: "The type's name.", completion: .list((try? NodeCatalog.standard().names) ?? []))
  var name: String
  @Flag(help: "Prints the declaration as JSON.") var json = false

  func run() throws {
    let catalog = try NodeCatalog.standard()
    guard let schema = catalog.schema(named: name) else {
      let hint = didYouMean(name, among: catalog.names).map { "; \($0)" } ?? ""
      throw ValidationError("there is no node type `\(name)`\(hint)")
    }
    if json { try JSONOutput.print(schema) } else { Terminal.result(schema.documentation) }
  }
}
