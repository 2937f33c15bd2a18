import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The folder of a cache on disk, and how its files are named.
///
/// ```
/// v1/objects/ab/cdef…        the bytes of one value, named by their SHA-256; never changed
/// v1/actions/12/3456….json   key -> digests of a node's outputs
/// v1/snapshots/12/3456…      the state of an unfinished node
/// v1/history/….json          what the nodes of a graph were like in its last run
/// v1/runs/….jsonl            what happened in a run
/// v1/damaged/                what was found damaged, for a look; a few files at most
/// ```
///
/// Nothing is locked: files are written under other names and renamed when they are whole, objects
/// before the record that names them, and a reader checks digests. Two processes that do the same
/// write the same bytes.
struct CacheStore: Sendable {
  /// The kinds of files whose names are keys or digests.
  enum Kind: String, CaseIterable {
    case objects
    case actions
    case snapshots
  }

  /// The folder of this version of the layout.
  let folder: String

  /// No more files are kept in `damaged`.
  private static let damagedLimit = 32

  /// - Parameter root: The cache folder.
  init(root: String) { folder = joinPath(root, "v1") }

  /// The file of a key or digest.
  func path(_ kind: Kind, _ hex: String) -> String {
    let ending = kind == .actions ? ".json" : ""
    return "\(folder)/\(kind.rawValue)/\(hex.prefix(2))/\(hex.dropFirst(2))\(ending)"
  }

  /// Moves a file that is not what it should be out of the way.
  ///
  /// Where that cannot be done, as in a folder that cannot be written to, it stays.
  func setAside(_ path: String) {
    let damaged = "\(folder)/damaged"
    let isFull = (try? FileReader.names(inFolder: damaged).count >= Self.damagedLimit) ?? false
    if !isFull, (try? AtomicFile.makeFolder(damaged)) != nil {
      let name = path.split(separator: "/").suffix(3).joined(separator: "-")
      if rename(path, joinPath(damaged, name)) == 0 { return }
    }
    unlink(path)
  }

  /// A file of one kind.
  struct Found {
    var kind: Kind
    /// The key or digest; nil for a file with another name.
    var hex: String?
    var path: String
    var status: FileStatus
  }

  /// Every file of a kind; those that go meanwhile are left out.
  func files(_ kind: Kind) -> [Found] {
    let top = "\(folder)/\(kind.rawValue)"
    return names(top).flatMap { prefix -> [Found] in
      let inner = joinPath(top, prefix)
      return names(inner).compactMap { name -> Found? in
        let path = joinPath(inner, name)
        guard let status = FileStatus(path: path), status.kind == .file else { return nil }
        let hex = prefix + (name.hasSuffix(".json") ? String(name.dropLast(5)) : name)
        let isNamed = hex.utf8.count == 64 && self.path(kind, hex) == path
        return Found(kind: kind, hex: isNamed ? hex : nil, path: path, status: status)
      }
    }
  }

  private func names(_ folder: String) -> [String] {
    (try? FileReader.names(inFolder: folder)) ?? []
  }

  /// Removes the oldest files of a folder where there are too many.
  static func keepNewest(_ count: Int, inFolder folder: String) {
    guard let names = try? FileReader.names(inFolder: folder), names.count > count else { return }
    let files = names.map { joinPath(folder, $0) }.compactMap { path in
      FileStatus(path: path).map { (path: path, modified: $0.modified) }
    }
    for file in files.sorted(by: { $0.modified > $1.modified }).dropFirst(count) {
      unlink(file.path)
    }
  }

  /// Takes note that a file was used, for those who make room; it does not matter when that fails.
  static func touch(_ path: String) { utimensat(AT_FDCWD, path, nil, 0) }

  /// Removes a file; it does not matter when another process has done so.
  static func remove(_ path: String) { unlink(path) }
}
