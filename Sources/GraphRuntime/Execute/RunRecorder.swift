import Foundation
import ResgraphFiles
import Synchronization

/// Writes what happened in a run as a file of its own, one JSON object per line.
///
/// The first line tells of the graph and its parameters; then come the events of nodes and outputs, as
/// `--progress json` prints them, and at last the end of the run. The file is written when the run
/// ends; where that fails, the run is not recorded.
public final class RunRecorder: Sendable {
  private let path: String
  private let header: JSONValue
  private let lines = Mutex<[RunEvent]>([])

  /// Records of so many runs are kept.
  static let capacity = 1_000
  /// No record has more events.
  private static let eventLimit = 100_000

  /// Begins a record.
  ///
  /// - Parameters:
  ///   - root: The cache folder.
  ///   - graph: The graph that runs.
  ///   - facts: What else the first line says.
  public init(root: String, graph: ValidatedGraph, facts: [String: String] = [:]) {
    let seconds = systemTime() / 1_000_000
    let name = "\(seconds)-\(UInt32.random(in: 0 ... .max))"
    path = "\(Self.folder(root))/\(name).jsonl"
    var members: [String: JSONValue] = facts.mapValues { .string($0) }
    members["event"] = "run"
    members["run"] = .string(name)
    members["started_ms"] = .integer(Int(seconds))
    members["graph"] = .string(graph.name)
    members["file"] = .string(graph.file)
    members["graph_sha256"] = .string(Digest.fields([graph.resolvedDocument]))
    members["params"] = .object(graph.paramValues.mapValues { .string($0.description) })
    header = .object(members)
  }

  static func folder(_ root: String) -> String { CacheStore(root: root).folder + "/runs" }

  /// Takes an event; steps are left out.
  ///
  /// - Parameter event: The event.
  public func add(_ event: RunEvent) {
    switch event {
    case .nodeStep, .nodeStart: return
    default: lines.withLock { if $0.count < Self.eventLimit { $0.append(event) } }
    }
  }

  /// Writes the record, and removes the oldest ones where there are too many.
  ///
  /// - Parameter peakBytes: The most memory that tensors took.
  public func finish(peakBytes: Int) {
    let end: JSONValue = ["event": "run.memory", "peak_bytes": .integer(peakBytes)]
    let events = lines.withLock(\.self)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let lines = try? events.map({ String(decoding: try encoder.encode($0), as: UTF8.self) })
    else { return }
    let all = [header.canonicalText()] + lines + [end.canonicalText()]
    try? AtomicFile.write(
      Array((all.joined(separator: "\n") + "\n").utf8), to: path, isSynced: false)
    CacheStore.keepNewest(Self.capacity, inFolder: folderName(of: path))
  }
}
