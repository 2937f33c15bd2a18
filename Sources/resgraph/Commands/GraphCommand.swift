import ArgumentParser
import Resgraph

/// `resgraph graph`.
struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Prints a graph as a drawing for Graphviz or Mermaid.")

  @OptionGroup var graph: GraphOptions
  @Option(help: "dot or mermaid.") var format = GraphDrawing.Format.mermaid

  func run() throws {
    let valid = try Engine().validate(graph.request)
    Terminal.exactResult(GraphDrawing(valid).text(format))
  }
}

extension GraphDrawing.Format: ExpressibleByArgument {}
