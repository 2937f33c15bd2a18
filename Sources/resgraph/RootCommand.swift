import ArgumentParser
import CStartup
import Foundation
import GraphRuntime
import Resgraph
import ResgraphFiles

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
      TrainCommand.self, NodesCommand.self, NodeCommand.self, SchemaCommand.self,
      TokensCommand.self, InspectCommand.self, ImportCommand.self, CacheCommand.self,
      RunsCommand.self, DoctorCommand.self, VersionCommand.self,
    ])

  /// Parses the arguments, runs the command, and ends the process with its exit code.
  ///
  /// Commands run on a thread of their own, because the stack of the first thread has the size that
  /// the user's limits give it.
  static func main() {
    startup_report_shortened_files()
    Engine.onMemoryExhaustion { byteCount in
      Terminal.message("error: out of memory: \(byteCount) bytes could not be allocated")
      exitAtOnce(ExitStatus.temporary)
    }
    do {
      try WorkerThread { execute() }.join()
    } catch {
      CommandFailure(error).end()
    }
  }

  private static func execute() -> Never {
    do {
      try checkArguments()
      var command = try parseAsRoot()
      try command.run()
    } catch {
      CommandFailure(error).end()
    }
    CommandFailure.end(with: ExitStatus.done.rawValue)
  }

  /// Refuses arguments that are not UTF-8: as a path such an argument would name another file.
  private static func checkArguments() throws {
    for index in 0..<Int(CommandLine.argc) {
      guard let argument = CommandLine.unsafeArgv[index] else { continue }
      guard String(validatingCString: argument) == nil else { continue }
      throw NodeError(
        "argument \(index) is not UTF-8: \(quoted(String(cString: argument)))", status: .usage)
    }
  }

  /// Ends the process without running what is registered for its end: other threads still compute.
  private static func exitAtOnce(_ status: ExitStatus) -> Never { _exit(status.rawValue) }
}
