import ArgumentParser
import Resgraph

/// The command.
@main
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resgraph",
    abstract: "Runs graphs of diffusion models on CPUs.",
    discussion: """
      resgraph run graphs/text-to-image.yaml --set prompt="a blue star above a yellow square"
      resgraph plan graphs/lcm.yaml
      resgraph node UNetDenoise

      Results go to standard output: one path per line, or one JSON document with --json. Messages \
      and progress go to standard error.

      Exit codes: 0 done, 1 a node failed, 64 wrong usage, 65 the graph or its parameters are \
      invalid, 66 a file is missing, 69 not available on this machine or in this version, 70 a defect of \
      the program, 74 reading or writing failed, 75 worth trying again (memory, full disk, time limit), 130 and \
      143 stopped by SIGINT and SIGTERM.
      """,
    version: "resgraph \(EngineVersion.text)",
    subcommands: [
      RunCommand.self, PlanCommand.self, WhyCommand.self, ValidateCommand.self, GraphCommand.self,
      NodesCommand.self, NodeCommand.self, SchemaCommand.self, TokensCommand.self,
      InspectCommand.self, ImportCommand.self, CacheCommand.self, RunsCommand.self,
      DoctorCommand.self,
      VersionCommand.self,
    ])

  /// Parses the arguments, runs the command, and ends the process with its exit code.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      CommandFailure(error).end()
    }
  }
}
