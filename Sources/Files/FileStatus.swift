#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The identity of a file's content, as far as the file system knows it without reading the file.
package struct FileStatus: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64
  /// The length in bytes.
  package let size: Int64
  /// The time at which the content changed, in nanoseconds.
  ///
  /// Programs can set it.
  package let modified: Int64
  /// The time at which the content or the attributes changed, in nanoseconds.
  ///
  /// Programs cannot set it.
  package let changed: Int64
  package let kind: FileKind

  /// Asks the file system about what a path leads to; nil when there is nothing, or links lead
  /// nowhere.
  package init?(path: String) {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    self.init(info)
  }

  /// Asks about an open file; nil when the descriptor is none.
  init?(descriptor: Int32) {
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { return nil }
    self.init(info)
  }

  private init(_ info: stat) {
    device = UInt64(info.st_dev)
    inode = UInt64(info.st_ino)
    size = Int64(info.st_size)
    #if canImport(Darwin)
    modified = Self.nanoseconds(info.st_mtimespec)
    changed = Self.nanoseconds(info.st_ctimespec)
    #else
    modified = Self.nanoseconds(info.st_mtim)
    changed = Self.nanoseconds(info.st_ctim)
    #endif
    kind = FileKind(mode: info.st_mode)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

extension FileStatus {
  /// The identity of a file as a line of text, without its digest.
  package var text: String { "\(device) \(inode) \(size) \(modified) \(changed)" }

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
    kind = .file
  }
}
