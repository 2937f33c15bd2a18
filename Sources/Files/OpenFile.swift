#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is open for reading.
///
/// This is the one place that decides what may be opened. Only regular files are opened. A folder,
/// a device, a socket or a pipe is refused by the name of what it is; reading one might never end.
/// The file is opened without blocking, and asked what it is once it is open, so that nothing can
/// be put in its place in between. Links are followed.
///
/// A text that a person hands to the program (a graph, a file of parameters) may also come from a
/// pipe under `/dev`: standard input, or a shell's `<(…)`. Other pipes might have nobody who writes
/// to them.
package final class OpenFile: Sendable {
  /// What may be opened.
  package enum Rule: Sendable {
    /// Regular files.
    case regular
    /// Regular files, and pipes under `/dev`.
    case regularOrPipe
  }

  /// The path as given.
  package let path: String
  /// The file as it was when it was opened.
  package let status: FileStatus
  /// Stays open as long as this object lives.
  package let descriptor: Int32

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - rule: What may be opened.
  /// - Throws: `FileError` with the system's reason, or with what the path leads to.
  package init(_ path: String, rule: Rule = .regular) throws(FileError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      let code = errno
      // A socket cannot be opened at all.
      if code == ENXIO { throw FileError("open", path, .notAFile(.socket)) }
      throw FileError("open", path, code: code)
    }
    guard let status = FileStatus(descriptor: descriptor) else {
      let code = errno
      close(descriptor)
      throw FileError("open", path, code: code)
    }
    self.status = status
    if status.kind == .pipe, rule == .regularOrPipe, path.hasPrefix("/dev/") {
      // Reading waits for the writer again.
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    } else if status.kind != .file {
      close(descriptor)
      throw FileError("open", path, .notAFile(status.kind))
    }
  }

  deinit { close(descriptor) }

  /// Finds out whether the open file still has the content that it had when it was opened.
  ///
  /// - Returns: The file as it is now. Its time of change may be another one: a file that is
  ///   renamed or removed while it is open keeps its content.
  /// - Throws: `FileError` with the reason `changed` when it was shortened or written to.
  @discardableResult package func checkUnchanged() throws(FileError) -> FileStatus {
    guard let now = FileStatus(descriptor: descriptor), now.size == status.size,
      now.modified == status.modified
    else { throw FileError("read", path, .changed) }
    return now
  }

  /// Reads what follows to its end, which is not where the status says: a pipe has no length, nor
  /// have the files of `/proc`.
  ///
  /// - Parameter limit: The most bytes that are read.
  /// - Returns: The bytes.
  /// - Throws: `FileError` with the reason `tooLong` for a file of more bytes.
  package func bytes(limit: Int) throws(FileError) -> [UInt8] {
    guard status.size <= limit else { throw FileError("read", path, .tooLong(limit: limit)) }
    var result: [UInt8] = []
    result.reserveCapacity(Int(status.size))
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)
    defer { piece.deallocate() }
    while true {
      let count = try fill(piece)
      if count == 0 { return result }
      guard result.count + count <= limit else {
        throw FileError("read", path, .tooLong(limit: limit))
      }
      result.append(contentsOf: piece[..<count])
    }
  }

  /// Reads a part of a regular file.
  ///
  /// - Parameters:
  ///   - offset: Where it begins.
  ///   - count: The most bytes of it.
  /// - Returns: The bytes that there are.
  /// - Throws: `FileError`.
  package func bytes(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
    let count = min(count, max(0, Int(status.size) - offset))
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 1)
    defer { piece.deallocate() }
    var filled = 0
    while filled < count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: piece[filled..<count])
      let got = try fill(rest, at: offset + filled)
      if got == 0 { break }
      filled += got
    }
    return Array(piece[..<filled])
  }

  /// Reads the next bytes, or those at an offset: as many as come at once; 0 at the end.
  func fill(
    _ buffer: UnsafeMutableRawBufferPointer, at offset: Int? = nil
  ) throws(FileError) -> Int {
    while true {
      let count =
        offset.map { pread(descriptor, buffer.baseAddress, buffer.count, off_t($0)) }
        ?? read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      guard errno == EINTR else { throw FileError("read", path, code: errno) }
    }
  }
}
