import GraphRuntime

/// What an engine remembers from run to run.
struct EngineMemory: Sendable {
  let options: CacheOptions?
  let results: any ResultCache
  let history: RunHistory
  let snapshots: (any SnapshotStore)?
  private let disk: DiskCache?

  /// Results in memory never take more.
  private static let memoryLimit = 256 << 20

  /// - Parameters:
  ///   - options: Where results are kept; nil to keep them in memory.
  ///   - usableBytes: The memory that there is.
  init(_ options: CacheOptions?, usableBytes: Int) {
    self.options = options
    guard let options else {
      results = MemoryCache(byteLimit: min(Self.memoryLimit, usableBytes / 16))
      history = RunHistory()
      snapshots = nil
      disk = nil
      return
    }
    let disk = DiskCache(
      root: options.folder, isWritable: options.isWritable, warn: options.warn)
    results = disk
    self.disk = disk
    history = RunHistory(cacheFolder: options.isWritable ? options.folder : nil)
    snapshots =
      options.isWritable ? DiskSnapshots(root: options.folder, warn: options.warn) : nil
  }

  /// What of the files that nodes name goes into their keys.
  var fileKeys: FileKeys { disk == nil ? .identities : .contentsOrLater }

  /// Makes room when this process has stored more than may be kept.
  func trim() {
    guard let options, let disk, disk.storedBytes > 0 else { return }
    CacheMaintenance(root: options.folder, byteLimit: options.byteLimit).trim()
  }

  /// A record of a run that is about to begin; nil where nothing is stored.
  func recorder(_ graph: ValidatedGraph) -> RunRecorder? {
    guard let options, options.isWritable else { return nil }
    return RunRecorder(
      root: options.folder, graph: graph, facts: ["engine": "resgraph \(EngineVersion.text)"])
  }
}
