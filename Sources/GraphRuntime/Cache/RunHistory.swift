import ResgraphFiles
import Synchronization

/// Remembers the parts of each node in the last run of a graph, so that a plan can say why a node
/// runs again.
public final class RunHistory: Sendable {
  private typealias Traces = [String: KeyTrace]

  private let folder: String?
  private let graphs = Mutex<[String: Traces]>([:])

  /// The graphs that are remembered on disk; the one that ran longest ago is forgotten first.
  static let capacity = 256
  /// No file is longer.
  private static let longest = 16 << 20

  /// Makes a history.
  ///
  /// - Parameter cacheFolder: The cache folder that keeps it for later processes; nil to remember only
  ///   what runs in this one.
  public init(cacheFolder: String? = nil) {
    folder = cacheFolder.map { joinPath(CacheStore(root: $0).folder, "history") }
  }

  /// What a node was like in the last run of its graph.
  func trace(graph: String, node: String) -> KeyTrace? {
    graphs.withLock { graphs in
      if graphs[graph] == nil { graphs[graph] = read(graph) }
      return graphs[graph]?[node]
    }
  }

  /// Takes note of what nodes were like in a run that ends.
  ///
  /// Nothing depends on it: where it cannot be written, later processes know less.
  ///
  /// - Parameters:
  ///   - traces: The nodes whose results are there.
  ///   - graph: The graph that ran. What is known of nodes that it has no more is forgotten.
  func remember(_ traces: [String: KeyTrace], of graph: ValidatedGraph) {
    let all = graphs.withLock { graphs in
      let known = graphs[graph.name] ?? read(graph.name)
      let all = known.merging(traces) { $1 }.filter { graph.node($0.key) != nil }
      graphs[graph.name] = all
      return all
    }
    write(all, graph.name)
  }

  private func read(_ graph: String) -> Traces {
    guard let path = path(graph),
      let bytes = try? FileReader.bytes(path, limit: Self.longest),
      let json = try? JSONValue.parse(String(decoding: bytes, as: UTF8.self)),
      json.string("graph") == graph
    else { return [:] }
    return json["nodes"]?.objectValue?.compactMapValues { KeyTrace($0) } ?? [:]
  }

  private func write(_ traces: Traces, _ graph: String) {
    guard let folder, let path = path(graph) else { return }
    let json: JSONValue = ["graph": .string(graph), "nodes": .object(traces.mapValues(\.json))]
    try? AtomicFile.write(Array(json.canonicalText().utf8), to: path, isSynced: false)
    CacheStore.keepNewest(Self.capacity, inFolder: folder)
  }

  private func path(_ graph: String) -> String? {
    folder.map { joinPath($0, Digest.fields([graph]) + ".json") }
  }
}
