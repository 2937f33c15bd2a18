import ArgumentParser
import GraphRuntime
import Resgraph
import ResgraphFiles

/// `resgraph validate`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Checks a graph and its parameters without running it; file headers are read.")

  @OptionGroup var graph: GraphOptions
  @Flag(help: "Prints errors and warnings as one JSON document.") var json = false

  func run() throws {
    do {
      let valid = try Engine(cancellation: Interruption.token).validator
        .validate(try graph.request().request)
      if json {
        try JSONOutput.print(ValidationReport(valid.diagnostics))
      } else {
        Terminal.raw(DiagnosticText.render(valid.diagnostics))
        Terminal.result("\(graph.graph): valid")
      }
    } catch let diagnostics as Diagnostics where json {
      try JSONOutput.print(ValidationReport(diagnostics))
      throw ExitCode(diagnostics.exitStatus.rawValue)
    }
  }
}

/// What `validate --json` prints.
private struct ValidationReport: Encodable {
  let schemaVersion = 1
  let valid: Bool
  let diagnostics: [Diagnostic]

  init(_ found: Diagnostics) {
    valid = found.errors.isEmpty
    diagnostics = found.all
  }

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case valid
    case diagnostics
  }
}

/// `resgraph plan`.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Says what a run would do: its nodes in order, memory, and the files written.")

  @OptionGroup var graph: GraphOptions
  @OptionGroup var engine: EngineOptions
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("Where outputs would be written.", valueName: "dir"))
  var folder: String?
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let valid = try engine.engine().validator.validate(try graph.request().request)
    let report = PlanReport(
      try engine.planner.plan(valid), folder: folder ?? "out/\(valid.name)")
    if json {
      try JSONOutput.print(report)
      return
    }
    Terminal.raw(DiagnosticText.render(valid.diagnostics))
    for line in report.lines { Terminal.result(line) }
  }
}

/// What `plan` prints.
private struct PlanReport: Encodable {
  struct Step: Encodable {
    let node: String
    let type: String
    let action: String
    let memoryBytes: Int?

    enum CodingKeys: String, CodingKey {
      case node
      case type
      case action
      case memoryBytes = "memory_bytes"
    }
  }

  let schemaVersion = 1
  let graph: String
  let steps: [Step]
  let peakBytes: Int
  let files: [String]

  init(_ plan: Plan, folder: String) {
    graph = plan.graph.name
    steps = plan.steps.map { step in
      Step(
        node: step.node.id, type: step.node.type.name, action: step.action.description,
        memoryBytes: step.runs ? step.estimate.map { $0.workingBytes + $0.outputBytes } : nil)
    }
    peakBytes = plan.peakBytes
    let params = plan.graph.paramValues
    files = plan.graph.outputs.map { output in
      OutputWriter.path(of: output, in: folder, params: params)
    }
  }

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case graph
    case steps
    case peakBytes = "peak_bytes"
    case files
  }

  var lines: [String] {
    let width = steps.map { $0.node.count + $0.type.count + 3 }.max() ?? 0
    var lines = steps.map { step in
      let title = "\(step.node) (\(step.type))"
      let memory = step.memoryBytes.map { ", about \(Self.mebibytes($0))" } ?? ""
      return title + String(repeating: " ", count: width - title.count) + "  " + step.action
        + memory
    }
    lines.append("peak memory: about \(Self.mebibytes(peakBytes))")
    lines += files.map { "writes \($0)" }
    return lines
  }

  private static func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 20) - 1) >> 20) MiB" }
}

/// `resgraph schema`.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints the JSON Schema of graph files, for editors.")

  func run() throws { Terminal.result(GraphSchema(catalog: try NodeCatalog.standard()).text) }
}

/// `resgraph graph`.
struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Prints a graph as a drawing for Graphviz or Mermaid.")

  /// The languages of drawings.
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case dot
    case mermaid
  }

  @OptionGroup var graph: GraphOptions
  @Option(help: "dot or mermaid.") var format = Format.mermaid

  func run() throws {
    let valid = try Engine().validator.validate(try graph.request().request)
    Terminal.result(GraphDrawing(valid).text(format))
  }
}

/// A graph as a drawing.
private struct GraphDrawing {
  private let graph: ValidatedGraph

  init(_ graph: ValidatedGraph) { self.graph = graph }

  func text(_ format: GraphCommand.Format) -> String {
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
