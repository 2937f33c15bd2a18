import Synchronization

/// The keys under which the results of a run are stored, once every file is digested.
final class PlanKeys: Sendable {
  private let graph: ValidatedGraph
  private let needed: Set<String>
  /// Keys that need no more digests.
  private let early: KeyBuilder
  private let contents = Mutex<Result<KeyBuilder, any Error>?>(nil)

  init(_ graph: ValidatedGraph, needed: Set<String>, early: KeyBuilder) {
    self.graph = graph
    self.needed = needed
    self.early = early
  }

  /// The key of a node that holds the contents of files, whose digests are found if need be.
  ///
  /// - Parameter id: The node's name.
  /// - Returns: The key; nil when a file has changed since the plan, so that nobody knows which
  ///   content went into the result.
  /// - Throws: Any error of reading the files; `RunCancelled`.
  func storageKey(_ id: String) throws -> CacheKey? {
    let key = try final(id).keys[id]
    let files = graph.environment.files
    return early.identities.allSatisfy { files.identity($0.key) == $0.value } ? key : nil
  }

  /// The parts of a node's key that holds the contents of files; nil while those are not digested.
  func knownRecord(_ id: String) -> KeyRecord? {
    guard early.provisional.contains(id) else { return early.records[id] }
    return contents.withLock { try? $0?.get().records[id] }
  }

  /// What is known of some nodes, in words.
  func traces(of nodes: [String]) -> [String: KeyTrace] {
    let traces = nodes.compactMap { id in knownRecord(id).map { (id, $0.trace) } }
    return Dictionary(traces, uniquingKeysWith: { $1 })
  }

  private func final(_ id: String) throws -> KeyBuilder {
    guard early.provisional.contains(id) else { return early }
    return try contents.withLock { known in
      if let known { return try known.get() }
      let made = Result { try KeyBuilder(graph, needed: needed, .contents) }
      known = made
      return try made.get()
    }
  }

  /// The key of a node by what the file system says of files.
  ///
  /// A run that is stopped before a large file is digested has saved its state under this key.
  func identityKey(_ id: String) -> CacheKey? {
    try? KeyBuilder(graph, needed: needed, .identities).keys[id]
  }
}
