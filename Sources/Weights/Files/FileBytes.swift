import Glibc

/// What identifies a version of a file in one running process.
struct FileIdentity: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int
  let seconds: Int
  let nanoseconds: Int

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

/// The read-only bytes of a weight file: mapped from disk, or an array held in memory.
///
/// A mapped file stays open. `checkUnchanged()` notices that it was truncated or rewritten; bytes
/// handed out earlier stay mapped, and reading them after a truncation is the system's error (SIGBUS),
/// as with every mapped file.
final class FileBytes: Sendable {
  let path: String
  /// All bytes; valid as long as this object lives.
  nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  /// Nil for bytes in memory.
  let identity: FileIdentity?
  private let descriptor: Int32

  /// Maps the regular file at `path`.
  init(path: String) throws(WeightError) {
    self.path = path
    descriptor = try openRegularFile(path)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = systemReason()
      close(descriptor)
      throw .fileUnreadable(path: path, reason: reason)
    }
    let identity = FileIdentity(status)
    self.identity = identity
    guard identity.size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, identity.size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      let reason = systemReason()
      close(descriptor)
      throw .fileUnreadable(path: path, reason: reason)
    }
    bytes = UnsafeRawBufferPointer(start: address, count: identity.size)
  }

  /// Holds a copy of `array`; `name` stands for the path in messages.
  init(_ array: [UInt8], name: String) {
    path = name
    descriptor = -1
    identity = nil
    let copy = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(array.count, 1), alignment: 64)
    copy.copyBytes(from: array)
    bytes = UnsafeRawBufferPointer(rebasing: copy[0..<array.count])
  }

  deinit {
    guard descriptor >= 0 else {
      bytes.baseAddress?.assumingMemoryBound(to: UInt8.self).deallocate()
      return
    }
    if let address = bytes.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
    }
    close(descriptor)
  }

  /// Throws `fileChanged` when the open file is no longer what was mapped.
  func checkUnchanged() throws(WeightError) {
    guard let identity else { return }
    var status = stat()
    guard fstat(descriptor, &status) == 0, FileIdentity(status) == identity else {
      throw .fileChanged(path: path)
    }
  }

  /// Throws `lfsPointer` or a message about emptiness for files that are no weights at all.
  func checkIsData() throws(WeightError) {
    let marker = "version https://git-lfs"
    if bytes.starts(with: marker.utf8) { throw .lfsPointer(path: path) }
    if bytes.isEmpty {
      throw .malformed(path: path, format: "weight", reason: "the file is empty")
    }
  }
}

/// The message of the last failed system call.
func systemReason() -> String { String(cString: strerror(errno)) }

/// Opens for reading without ever blocking on a pipe; links are followed, anything but a file refused.
func openRegularFile(_ path: String) throws(WeightError) -> Int32 {
  let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  guard descriptor >= 0 else {
    if errno == ENOENT || errno == ENOTDIR { throw .fileMissing(path: path) }
    // A socket cannot be opened at all.
    if errno == ENXIO { throw .notARegularFile(path: path) }
    throw .fileUnreadable(path: path, reason: systemReason())
  }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    close(descriptor)
    throw .notARegularFile(path: path)
  }
  return descriptor
}
