import ArgumentParser
import Resgraph

/// `resgraph version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Prints the version.")

  func run() { Terminal.result("resgraph \(EngineVersion.text)") }
}
