import ArgumentParser
import GraphRuntime
import Resgraph

/// `resgraph plan`.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Says what a run would do: which nodes run and why, memory, and the files written.")

  @OptionGroup var graph: GraphOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var output: OutputFolderOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let engine = try engine.engine()
    let valid = try engine.validate(graph.request)
    let report = PlanReport(
      try engine.plan(valid, digestsFiles: true), folder: output.folder(of: valid))
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
    files = plan.files(in: folder)
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
