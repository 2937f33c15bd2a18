import ArgumentParser
import GraphRuntime
import Resgraph

/// `resgraph validate`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Checks a graph and its parameters without running it; file headers are read.")

  @OptionGroup var graph: GraphOptions
  @Flag(help: "Prints errors and warnings as one JSON document.") var json = false

  func run() throws {
    do {
      let valid = try Engine(cancellation: Interruption.token).validate(graph.request)
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
