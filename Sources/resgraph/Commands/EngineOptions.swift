import ArgumentParser
import GraphRuntime
import Resgraph

/// How the machine is used.
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
      "Keeps results in this folder. Not available yet: results are not kept between runs.",
      valueName: "dir"))
  var cache: String?

  @Flag(
    name: .customLong("no-cache"), help: "Keeps no results between runs, as is the case anyway.")
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
    for problem in Engine.environmentProblems { Terminal.message("warning: \(problem)") }
    let threads = threads ?? Terminal.environment("RESGRAPH_THREADS").flatMap { Int($0) }
    return try Engine(
      threads: threads, memoryBytes: memory?.bytes, cancellation: Interruption.token)
  }

  /// Plans within the memory allowed.
  var planner: Planner { Planner(memoryBudget: memory?.bytes) }
}

/// A number of bytes as people write it: `8G`, `512M`, `1.5GiB`, `1073741824`.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  init?(argument: String) {
    var text = argument.lowercased()[...]
    for ending in ["ib", "b"] where text.hasSuffix(ending) {
      text = text.dropLast(ending.count)
      break
    }
    var shift = 0
    if let unit = ["k": 10, "m": 20, "g": 30, "t": 40][String(text.suffix(1))] {
      shift = unit
      text = text.dropLast()
    }
    guard let number = Double(text), number > 0, number.isFinite else { return nil }
    let bytes = number * Double(1 << shift)
    guard bytes < 1e18 else { return nil }
    self.bytes = Int(bytes)
  }
}
