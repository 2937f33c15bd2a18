import ArgumentParser
import Foundation
import GraphRuntime
import ResgraphFiles

/// `resgraph runs`.
struct RunsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "Shows what earlier runs did.",
    discussion:
      "Records of the last thousand runs are in the folder `v1/runs` of the cache folder.",
    subcommands: [RunsListCommand.self, RunsShowCommand.self, RunsDiffCommand.self])
}

/// The cache whose runs are meant.
struct RunRecordOptions: ParsableArguments {
  @OptionGroup var cache: CacheFolderOptions

  var root: String {
    get throws {
      guard let path = cache.path else {
        throw ValidationError("there is no cache folder: name one with --cache")
      }
      return path
    }
  }
}

/// `resgraph runs list`.
struct RunsListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists runs, the newest first.")

  @OptionGroup var records: RunRecordOptions
  @Option(help: "How many.") var count = 20

  func run() throws {
    let root = try records.root
    for name in RunRecord.names(root: root).prefix(max(0, count)) {
      guard let record = try? RunRecord(root: root, name: name) else { continue }
      let computed = record.nodes.count { $0.event.string("event") == "node.done" }
      Terminal.result(
        "\(name)  \(record.date)  \(record.graph)  \(ProgressView.duration(record.seconds))"
          + "  \(computed) computed, \(record.nodes.count - computed) found\(record.failure)")
    }
  }
}

/// `resgraph runs show`.
struct RunsShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Shows one run: parameters, nodes, outputs, memory.")

  @OptionGroup var records: RunRecordOptions
  @Argument(help: "The run's name, as `runs list` prints it; the last one when left out.")
  var name: String?

  func run() throws {
    let root = try records.root
    guard let name = name ?? RunRecord.names(root: root).first else { return }
    let record = try RunRecord(root: root, name: name)
    Terminal.result("\(record.graph), \(record.date)\(record.failure)")
    for (name, value) in record.params.sorted(by: { $0.key < $1.key }) {
      Terminal.result("  \(name): \(value)")
    }
    for node in record.nodes { Terminal.result(RunRecord.line(node.name, node.event)) }
    for event in record.events where event.string("event") == "output" {
      for path in event.strings("paths") ?? [] { Terminal.result("wrote \(path)") }
    }
    if let bytes = record.events.last?.int("peak_bytes") {
      Terminal.result("peak memory of tensors: \(bytes >> 20) MiB")
    }
    Terminal.result("took \(ProgressView.duration(record.seconds))")
  }
}

/// `resgraph runs diff`.
struct RunsDiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Says how two runs differ: parameters, and times of nodes.")

  @OptionGroup var records: RunRecordOptions
  @Argument(help: "A run's name, as `runs list` prints it.") var first: String
  @Argument(help: "Another.") var second: String

  func run() throws {
    let root = try records.root
    let (old, new) = (
      try RunRecord(root: root, name: first), try RunRecord(root: root, name: second)
    )
    if old.graph != new.graph { Terminal.result("graph: \(old.graph) -> \(new.graph)") }
    Self.compare(old.params, new.params)
    if old.params == new.params, old.header["graph_sha256"] != new.header["graph_sha256"] {
      Terminal.result("the graphs differ beside their parameters")
    }
    Self.compare(Self.lines(old), Self.lines(new))
  }

  private static func lines(_ record: RunRecord) -> [String: String] {
    let lines = record.nodes.map { ($0.name, RunRecord.outcome($0.event)) }
    return Dictionary(lines, uniquingKeysWith: { first, _ in first })
  }

  private static func compare(_ old: [String: String], _ new: [String: String]) {
    for name in Set(old.keys).union(new.keys).sorted() where old[name] != new[name] {
      Terminal.result("\(name): \(old[name] ?? "nothing") -> \(new[name] ?? "nothing")")
    }
  }
}

extension RunRecord {
  /// When the run began, in the time zone of the user.
  fileprivate var date: String {
    Date(timeIntervalSince1970: started).formatted(
      .iso8601.year().month().day().dateTimeSeparator(.space).time(
        includingFractionalSeconds: false))
  }

  /// How the run ended, where it did not end well.
  fileprivate var failure: String {
    guard let end else { return "  (no end is recorded)" }
    return end.string("error").map { "  (\($0.split(separator: "\n").first ?? ""))" } ?? ""
  }

  /// What became of a node.
  fileprivate static func line(_ node: String, _ event: JSONValue) -> String {
    "\(node) (\(event.string("type") ?? "?")): \(outcome(event))"
  }

  fileprivate static func outcome(_ event: JSONValue) -> String {
    if let source = event.string("source") { return "found (\(source))" }
    return "computed in \(ProgressView.duration(event.double("seconds") ?? 0))"
  }
}
