import Foundation
import Synchronization
import TestSupport

@testable import GraphRuntime

/// Runs graphs with a cache on disk; every run has new objects, as in a process of its own.
struct DiskSession {
  let harness: Harness
  let root: String
  let warnings = Warnings()

  final class Warnings: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock(\.self) }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
  }

  init(types: [any NodeType.Type] = stubTypes) throws {
    harness = try Harness(types: types)
    root = harness.folder.path + "/cache"
  }

  var cache: DiskCache { DiskCache(root: root, warn: warnings.add) }
  var history: RunHistory { RunHistory(cacheFolder: root) }

  func plan(
    _ text: String, sets: [String] = [], cache: DiskCache? = nil, fileKeys: FileKeys? = nil
  ) throws -> Plan {
    let graph = try harness.validate(text, sets: sets)
    return try Planner(cache: cache ?? self.cache, history: history, fileKeys: fileKeys)
      .plan(graph)
  }

  /// What a run did.
  struct Run {
    var value: Int?
    /// The nodes that computed, in order.
    var ran: [String]
    /// The nodes that were found, with the source.
    var hits: [String]
  }

  @discardableResult
  func run(_ plan: Plan, cache: DiskCache? = nil) throws -> Run {
    let log = EventLog()
    let executor = Executor(cache: cache ?? self.cache, history: history, onEvent: log.add)
    let summary = try executor.run(plan)
    var run = Run(value: nil, ran: [], hits: [])
    for event in log.all {
      switch event {
      case .nodeStart(let node, _): run.ran.append(node)
      case .nodeHit(let node, _, let source) where source != "validation":
        run.hits.append("\(node) \(source)")
      default: break
      }
    }
    if let output = plan.graph.outputs.first {
      run.value = (summary.values[output.node]?[output.port] as? Number)?.value
    }
    return run
  }

  @discardableResult
  func run(_ text: String, sets: [String] = []) throws -> Run {
    let cache = cache
    return try run(plan(text, sets: sets, cache: cache), cache: cache)
  }

  /// The files of a kind.
  func files(_ kind: CacheStore.Kind) -> [String] {
    CacheStore(root: root).files(kind).map(\.path).sorted()
  }

  /// Replaces the bytes of a file, whatever its permissions are.
  func change(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    change(&bytes)
    try FileManager.default.removeItem(atPath: path)
    try Data(bytes).write(to: URL(filePath: path))
  }
}
