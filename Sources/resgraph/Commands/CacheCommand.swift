import ArgumentParser
import Resgraph

/// `resgraph cache`.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Counts, checks or removes results of earlier runs.",
    subcommands: [CacheStatsCommand.self, CacheCollectCommand.self, CacheVerifyCommand.self])
}

/// `resgraph cache stats`.
struct CacheStatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Says what is kept, and how much may be.")

  @OptionGroup var cache: CacheFolderOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let stats = try cache.maintenance().stats()
    if json { return try JSONOutput.print(stats) }
    Terminal.result("folder: \(stats.folder)")
    let nodes = stats.nodes.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
    Terminal.result(
      "results: \(stats.results)" + (nodes.isEmpty ? "" : " (\(nodes.joined(separator: ", ")))"))
    let limit = stats.limit.map { " of at most \($0)" } ?? ""
    Terminal.result("bytes: \(stats.bytes)\(limit), in \(stats.objects) files")
    Terminal.result("unfinished nodes: \(stats.snapshots)")
    Terminal.result("computing all of it took \(ProgressView.duration(stats.seconds))")
  }
}

/// `resgraph cache gc`.
struct CacheCollectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Removes what is over the limit, the least useful first, and what nobody needs.",
    discussion: """
      Runs may go on beside it: what is removed under their hands they compute again. Useful is what \
      saves many seconds for each byte and was used lately.
      """)

  @OptionGroup var cache: CacheFolderOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let result = try cache.maintenance().collect()
    if json { return try JSONOutput.print(result) }
    Terminal.result(
      "removed \(result.results) results and \(result.files) files: \(result.freedBytes) bytes freed, "
        + "\(result.bytes) kept")
  }
}

/// `resgraph cache verify`.
struct CacheVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Reads everything that is kept, and moves aside what is damaged.")

  @OptionGroup var cache: CacheFolderOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let found = try cache.maintenance().verify()
    if json { return try JSONOutput.print(found) }
    for path in found.damaged { Terminal.result("damaged: \(path)") }
    Terminal.result("\(found.sound) results are sound")
  }
}
