import ArgumentParser

/// The command.
@main
struct RootCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resgraph",
    abstract: "Runs graphs of diffusion models on CPUs.",
    discussion: """
      resgraph run graphs/text-to-image.yaml --set prompt="a blue star above a yellow square"
      resgraph plan graphs/lcm.yaml
      resgraph node UNetDenoise

      Results go to standard output: one path per line, or one JSON document with --json. Messages \
      and progress go to standard error.
      """,
    version: "resgraph \(EngineVersion.text)",
    subcommands: [
      RunCommand.self, PlanCommand.self, ValidateCommand.self, GraphCommand.self,
      NodesCommand.self, NodeCommand.self, SchemaCommand.self, TokensCommand.self,
      InspectCommand.self, ImportCommand.self, DoctorCommand.self, VersionCommand.self,
    ])

  /// Parses the arguments, runs the command, and ends the process with its exit code.
  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      CommandFailure(error).end()
    }
  }
}

/// The version of the engine.
enum EngineVersion {
  static let text = "0.1.0"
}
