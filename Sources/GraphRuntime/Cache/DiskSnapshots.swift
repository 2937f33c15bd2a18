import ResgraphFiles
import Synchronization

/// Keeps the states of unfinished nodes on disk, so that a later process goes on where one was stopped
/// or killed.
///
/// A state is one file under the node's key, checked against its digest when it is read. Where states
/// cannot be written, a warning is given once, and the run goes on.
public final class DiskSnapshots: SnapshotStore {
  /// A state is saved at most every so many seconds.
  public let interval: Double
  private let files: CacheStore
  private let warn: @Sendable (String) -> Void
  private let hasFailed = Atomic<Bool>(false)

  private static let header = "resgraph snapshot 1\n"
  /// No state is longer.
  private static let longest = 1 << 30

  /// Opens a store; its folder is made when there is a state to save.
  ///
  /// - Parameters:
  ///   - root: The cache folder.
  ///   - interval: A state is saved at most every so many seconds.
  ///   - warn: Told once when states cannot be saved.
  public init(
    root: String, interval: Double = 3, warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.interval = interval
    self.warn = warn
    files = CacheStore(root: root)
  }

  /// Saves a state, replacing the one saved before; the file is old or new, never a part.
  public func save(_ state: [UInt8], for key: CacheKey) {
    guard !hasFailed.load(ordering: .relaxed) else { return }
    let digest = state.withUnsafeBytes(Digest.bytes)
    do {
      // Not synced, which can take long: a killed process loses nothing that it has written.
      try AtomicFile.write(
        to: files.path(.snapshots, key.hex), permissions: 0o600, isSynced: false
      ) { file in
        try file.write(Array((Self.header + digest + "\n").utf8))
        try file.write(state)
      }
    } catch {
      if !hasFailed.exchange(true, ordering: .relaxed) {
        warn("a run that is stopped will start its unfinished node over: \(error)")
      }
    }
  }

  /// Finds the saved state; a damaged one is moved aside.
  public func load(_ key: CacheKey) -> [UInt8]? {
    let path = files.path(.snapshots, key.hex)
    guard let bytes = try? FileReader.bytes(path, limit: Self.longest) else { return nil }
    let header = Array(Self.header.utf8)
    let start = header.count + 65
    if bytes.count >= start, bytes.starts(with: header) {
      let state = Array(bytes[start...])
      let digest = state.withUnsafeBytes(Digest.bytes)
      if bytes[header.count..<start].elementsEqual((digest + "\n").utf8) { return state }
    }
    files.setAside(path)
    return nil
  }

  /// Forgets the state.
  public func remove(_ key: CacheKey) { CacheStore.remove(files.path(.snapshots, key.hex)) }
}
