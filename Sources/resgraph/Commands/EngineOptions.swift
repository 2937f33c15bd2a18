import ArgumentParser
import GraphRuntime
import Resgraph

/// The options for the use of the machine.
struct EngineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Threads; all cores this process may use when left out. Also RESGRAPH_THREADS.",
      valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "Memory that a run may take, such as 8G; a graph that needs more is refused before it runs.",
      valueName: "size"))
  var memory: ByteSize?

  @Option(
    help: ArgumentHelp(
      "A folder to keep results in. Refused: this version keeps no results between runs.",
      valueName: "dir"))
  var cache: String?

  @Flag(
    name: .customLong("no-cache"),
    help: "Keeps no results between runs, which this version never does.")
  var noCache = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    if let text = Terminal.environment("RESGRAPH_THREADS"), !text.isEmpty, threads == nil {
      guard let count = Int(text), count >= 1 else {
        throw ValidationError("RESGRAPH_THREADS must be a number of at least 1, not \"\(text)\"")
      }
    }
    if cache != nil, noCache { throw ValidationError("--cache and --no-cache exclude each other") }
  }

  /// The engine that the options make.
  func engine() throws -> Engine {
    if cache != nil {
      throw NodeError(
        "--cache: keeping results on disk is not available yet", hint: "leave --cache out",
        status: .unavailable)
    }
    for problem in Engine.environmentProblems {
      Terminal.message("warning: \(PrintableText.message(problem))")
    }
    let threads = threads ?? Terminal.environment("RESGRAPH_THREADS").flatMap { Int($0) }
    return try Engine(
      threads: threads, memoryBytes: memory?.bytes, cancellation: Interruption.token)
  }
}
