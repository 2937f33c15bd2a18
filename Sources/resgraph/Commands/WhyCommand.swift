import ArgumentParser
import GraphRuntime
import Resgraph

/// `resgraph why`.
struct WhyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Says why a node would run: what differs from the last run of the graph.",
    discussion: "resgraph why denoise graphs/text-to-image.yaml --set seed=7")

  @Argument(help: "The node's name in the graph.") var node: String
  @OptionGroup var graph: GraphOptions
  @OptionGroup var engine: EngineOptions

  func run() throws {
    let engine = try engine.engine()
    var request = graph.request
    request.targets = [node]
    let plan = try engine.plan(engine.validate(request), digestsFiles: true)
    for line in plan.why(node) { Terminal.result(line) }
  }
}
