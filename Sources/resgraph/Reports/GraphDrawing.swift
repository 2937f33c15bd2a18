import GraphRuntime
import ResgraphFiles

/// A graph as a drawing.
struct GraphDrawing {
  /// The languages of drawings.
  enum Format: String, CaseIterable {
    case dot
    case mermaid
  }

  private let graph: ValidatedGraph

  init(_ graph: ValidatedGraph) { self.graph = graph }

  func text(_ format: Format) -> String {
    let nodes = graph.nodes.map { (id: "n_\($0.id)", label: "\($0.id)\n\($0.type.name)") }
    let outputs = graph.outputs.map { (id: "o_\($0.name)", label: $0.name) }
    let edges =
      graph.nodes.flatMap { node in
        node.schema.portNames.flatMap { port in
          (node.bindings[port]?.sources ?? []).map { ("n_\($0.node)", "n_\(node.id)", port) }
        }
      } + graph.outputs.map { ("n_\($0.node)", "o_\($0.name)", $0.port) }
    switch format {
    case .dot:
      let lines =
        nodes.map { "  \(quoted($0.id)) [shape=box, label=\(quoted($0.label))];" }
        + outputs.map { "  \(quoted($0.id)) [shape=note, label=\(quoted($0.label))];" }
        + edges.map { "  \(quoted($0.0)) -> \(quoted($0.1)) [label=\(quoted($0.2))];" }
      return (["digraph \(quoted(graph.name)) {", "  rankdir=LR;"] + lines + ["}"])
        .joined(separator: "\n")
    case .mermaid:
      let lines =
        nodes.map { "  \(Self.plain($0.id))[\"\($0.label.replacing("\n", with: "<br/>"))\"]" }
        + outputs.map { "  \(Self.plain($0.id))([\"\($0.label)\"])" }
        + edges.map { "  \(Self.plain($0.0)) -->|\($0.2)| \(Self.plain($0.1))" }
      return (["flowchart LR"] + lines).joined(separator: "\n")
    }
  }

  /// Mermaid's names are letters, digits and underscores.
  private static func plain(_ id: String) -> String {
    String(id.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }
}
