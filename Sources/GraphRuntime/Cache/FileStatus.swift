#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Identity of a file's content as far as the file system tells without reading it.
struct FileStatus: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  /// When the content changed, in nanoseconds; programs can set it to what they like.
  let modified: Int64
  /// When the content or anything about the file changed, in nanoseconds; nobody can set it.
  let changed: Int64
  let isFolder: Bool

  /// Asks the file system; nil when there is no such file.
  init?(path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    device = UInt64(info.st_dev)
    inode = UInt64(info.st_ino)
    size = Int64(info.st_size)
    #if canImport(Glibc)
    modified = Self.nanoseconds(info.st_mtim)
    changed = Self.nanoseconds(info.st_ctim)
    #else
    modified = Self.nanoseconds(info.st_mtimespec)
    changed = Self.nanoseconds(info.st_ctimespec)
    #endif
    isFolder = info.st_mode & S_IFMT == S_IFDIR
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

extension FileStatus {
  /// The identity of a file as a line of text, without its digest.
  var text: String { "\(device) \(inode) \(size) \(modified) \(changed)" }

  /// Reads what `text` wrote.
  init?(fields: [Substring]) {
    guard fields.count == 5, let device = UInt64(fields[0]), let inode = UInt64(fields[1]),
      let size = Int64(fields[2]), let modified = Int64(fields[3]), let changed = Int64(fields[4])
    else { return nil }
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
    self.changed = changed
    isFolder = false
  }
}
