import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Counts, checks and removes what a cache on disk holds, beside processes that use it.
///
/// A process whose result is removed between its plan and its use computes it again.
public struct CacheMaintenance: Sendable {
  private let files: CacheStore
  private let root: String
  private let byteLimit: Int?
  private let now: Int64

  /// Values that no record names, and files under temporary names, may belong to a process that is
  /// about to publish them: younger ones stay.
  static let grace: Int64 = 60 * 1_000_000_000
  static let temporaryGrace: Int64 = 3_600 * 1_000_000_000
  /// States of unfinished nodes are kept for two weeks.
  static let snapshotAge: Int64 = 14 * 86_400 * 1_000_000_000

  /// Prepares to look after a cache.
  ///
  /// - Parameters:
  ///   - root: The cache folder.
  ///   - byteLimit: The bytes that may be kept; nil for a tenth of what would be free without them.
  public init(root: String, byteLimit: Int? = nil) {
    self.init(root: root, byteLimit: byteLimit, now: systemTime())
  }

  /// - Parameters:
  ///   - root: The cache folder.
  ///   - byteLimit: The bytes that may be kept; nil for a tenth of what would be free without them.
  ///   - now: The time in nanoseconds since 1970.
  init(root: String, byteLimit: Int?, now: Int64) {
    self.root = root
    self.byteLimit = byteLimit
    self.now = now
    files = CacheStore(root: root)
  }

  /// A result with what it takes to decide about it.
  private struct Action {
    var path: String
    var record: ActionRecord
    /// When it was made or used last.
    var used: Int64
  }

  private func actions() -> [Action] {
    files.files(.actions).compactMap { file in
      ActionRecord(path: file.path).map {
        Action(path: file.path, record: $0, used: file.status.modified)
      }
    }
  }

  private func limit(keeping bytes: Int) -> Int? {
    byteLimit ?? Self.freeBytes(root).map { ($0 + bytes) / 10 }
  }

  /// The bytes that are free on the file system of a folder, or of the nearest one above it that exists.
  private static func freeBytes(_ folder: String) -> Int? {
    var info = statvfs()
    if statvfs(folder, &info) == 0 { return Int(info.f_bavail) * Int(info.f_frsize) }
    let parent = folderName(of: folder)
    return parent == folder ? nil : freeBytes(parent)
  }

  /// Counts what is there.
  public func stats() -> CacheStats {
    let actions = actions()
    let objects = files.files(.objects)
    let snapshots = files.files(.snapshots)
    let bytes = (objects + snapshots).reduce(0) { $0 + Int($1.status.size) }
    return CacheStats(
      folder: root, results: actions.count, objects: objects.count, snapshots: snapshots.count,
      bytes: bytes, limit: limit(keeping: bytes),
      seconds: actions.reduce(0) { $0 + $1.record.seconds },
      nodes: Dictionary(actions.map { ($0.record.node, 1) }, uniquingKeysWith: +))
  }

  /// Reads every record and every value, and moves aside what is not what it should be.
  ///
  /// - Returns: How many results are sound, and what is not.
  public func verify() -> CacheVerification {
    var result = CacheVerification(sound: 0, damaged: [])
    var bad: Set<String> = []
    for object in files.files(.objects) {
      // A process may be writing a file of another name; old ones are for `gc`.
      guard let hex = object.hex else { continue }
      let digest = (try? FileReader.bytes(object.path, limit: Int(object.status.size)))
        .map { $0.withUnsafeBytes(Digest.bytes) }
      if digest == hex { continue }
      bad.insert(hex)
      result.damaged.append(object.path)
      files.setAside(object.path)
    }
    for file in files.files(.actions) {
      if let record = ActionRecord(path: file.path), record.key == file.hex,
        record.outputs.values.allSatisfy({ output in
          !bad.contains(output.digest)
            && FileStatus(path: files.path(.objects, output.digest))?.size == Int64(output.bytes)
        })
      {
        result.sound += 1
      } else {
        result.damaged.append(file.path)
        files.setAside(file.path)
      }
    }
    return result
  }

  /// Removes what is worth least, if there is more than may be kept.
  public func trim() {
    let bytes = files.files(.objects).reduce(0) { $0 + Int($1.status.size) }
    if let limit = limit(keeping: bytes), bytes > limit { collect() }
  }

  /// Removes what is worth least until the rest is within the limit, and what nobody needs.
  ///
  /// A result is worth the seconds that it saves for each byte, and less with every day on which it was
  /// not used. What is left is at most nine tenths of the limit, so that the next run has room.
  ///
  /// - Returns: What was removed.
  @discardableResult public func collect() -> CacheCollection {
    var result = CacheCollection()
    var actions = actions()
    let objects = files.files(.objects)
    result.bytes = objects.reduce(0) { $0 + Int($1.status.size) }
    if let limit = limit(keeping: result.bytes), result.bytes > limit {
      evict(&actions, to: limit / 10 * 9, &result)
    }
    let named = Set(actions.flatMap { $0.record.outputs.values.map(\.digest) })
    for object in objects {
      let age = now - object.status.modified
      if object.hex == nil {
        if age > Self.temporaryGrace { remove(object, &result) }
      } else if !named.contains(object.hex ?? ""), age > Self.grace {
        remove(object, &result)
        result.bytes -= Int(object.status.size)
      }
    }
    for file in files.files(.snapshots) + files.files(.actions).filter({ $0.hex == nil }) {
      let limit = file.hex == nil ? Self.temporaryGrace : Self.snapshotAge
      if now - file.status.modified > limit { remove(file, &result) }
    }
    for path in temporaries() {
      CacheStore.remove(path)
      result.files += 1
    }
    for name in (try? FileReader.names(inFolder: "\(files.folder)/damaged")) ?? [] {
      CacheStore.remove("\(files.folder)/damaged/\(name)")
      result.files += 1
    }
    return result
  }

  /// Old files under temporary names beside those that are counted.
  private func temporaries() -> [String] {
    [root, "\(files.folder)/history", "\(files.folder)/runs"].flatMap { folder in
      let names = (try? FileReader.names(inFolder: folder)) ?? []
      return names.filter { $0.hasPrefix(".tmp-") }.map { joinPath(folder, $0) }
    }.filter { path in
      FileStatus(path: path).map { now - $0.modified > Self.temporaryGrace } ?? false
    }
  }

  /// Removes records, the least valuable first; their values go when nothing names them any more.
  private func evict(_ actions: inout [Action], to target: Int, _ result: inout CacheCollection) {
    var users: [String: Int] = [:]
    for action in actions {
      for output in action.record.outputs.values { users[output.digest, default: 0] += 1 }
    }
    actions.sort { value($0) > value($1) }
    var bytes = result.bytes
    while bytes > target, let action = actions.popLast() {
      CacheStore.remove(action.path)
      result.results += 1
      for output in action.record.outputs.values {
        users[output.digest, default: 1] -= 1
        if users[output.digest] == 0 { bytes -= output.bytes }
      }
    }
  }

  private func value(_ action: Action) -> Double {
    let days = max(0, Double(now - action.used)) / 86_400e9
    return action.record.seconds / Double(max(1, action.record.bytes)) / (1 + days)
  }

  private func remove(_ file: CacheStore.Found, _ result: inout CacheCollection) {
    CacheStore.remove(file.path)
    result.files += 1
    result.freedBytes += Int(file.status.size)
  }
}
