import ArgumentParser
import Foundation
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
      let first = schema.summary.prefix { $0 != "." && $0 != ":" && $0 != ";" }
      Terminal.result(
        schema.name + String(repeating: " ", count: width - schema.name.count) + "  " + first)
    }
  }
}

/// `resgraph node NAME`.
struct NodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Explains a node type: its inputs, parameters and outputs.")

  @Argument(help: "The type's name.", completion: .list([])) var name: String
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

/// `resgraph version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Prints the version.")

  func run() { Terminal.result("resgraph \(EngineVersion.text)") }
}

/// `resgraph doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Says what the engine found on this machine, and what should be put right.")

  @OptionGroup var paths: ModelPathOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() {
    let report = SystemReport(modelPaths: paths.all)
    if json {
      Terminal.result(report.json)
      return
    }
    let width = report.lines.map(\.name.count).max() ?? 0
    for (name, value) in report.lines {
      Terminal.result(name + String(repeating: " ", count: width - name.count) + "  " + value)
    }
    for problem in report.problems {
      Terminal.message(Terminal.coloured("problem: ", .yellow) + problem)
    }
  }
}

/// Codable values as one JSON document on standard output.
enum JSONOutput {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func print(_ value: some Encodable) throws { Terminal.result(try text(value)) }
}
