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

  @OptionGroup var cache: CacheFolderOptions

  @Flag(name: .customLong("no-cache"), help: "Neither finds results of earlier runs nor keeps any.")
  var noCache = false

  @Flag(
    name: .customLong("read-only-cache"),
    help: "Finds results of earlier runs, and leaves the cache folder as it is.")
  var readOnlyCache = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    if let text = Terminal.environment("RESGRAPH_THREADS"), !text.isEmpty, threads == nil {
      guard let count = Int(text), count >= 1 else {
        throw ValidationError("RESGRAPH_THREADS must be a number of at least 1, not \"\(text)\"")
      }
    }
    if noCache, cache.folder != nil || readOnlyCache {
      throw ValidationError("--no-cache excludes --cache and --read-only-cache")
    }
  }

  /// The engine that the options make.
  func engine() throws -> Engine {
    for problem in Engine.environmentProblems {
      Terminal.message("warning: \(PrintableText.message(problem))")
    }
    let threads = threads ?? Terminal.environment("RESGRAPH_THREADS").flatMap { Int($0) }
    return try Engine(
      threads: threads, memoryBytes: memory?.bytes, cache: cacheOptions,
      cancellation: Interruption.token)
  }

  private var cacheOptions: CacheOptions? {
    guard !noCache, let folder = cache.path else { return nil }
    return CacheOptions(
      folder: folder, byteLimit: cache.limit?.bytes, isWritable: !readOnlyCache,
      warn: { Terminal.message("warning: \($0)") })
  }
}
