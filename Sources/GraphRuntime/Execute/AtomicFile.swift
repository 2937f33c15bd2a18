#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Writes files so that a reader sees the old content or the new, never a part.
public enum AtomicFile {
  /// Writes a file: to a temporary name in the same folder, synced, then renamed.
  ///
  /// - Parameters:
  ///   - bytes: The content.
  ///   - path: Where; missing folders are made.
  ///   - permissions: Who may read and write it, before the process's own mask.
  /// - Throws: `FileError`; a full disk gives the exit code `temporary`. Nothing is left behind.
  public static func write(
    _ bytes: [UInt8], to path: String, permissions: mode_t = 0o666
  ) throws {
    try write(to: path, permissions: permissions) { try $0.write(bytes) }
  }

  /// Writes a file piece by piece: to a temporary name in the same folder, synced, then renamed.
  ///
  /// - Parameters:
  ///   - path: Where; missing folders are made.
  ///   - permissions: Who may read and write it, before the process's own mask.
  ///   - body: Writes the pieces.
  /// - Throws: `FileError`, or what `body` throws. Nothing is left behind.
  public static func write(
    to path: String, permissions: mode_t = 0o666, _ body: (Writer) throws -> Void
  ) throws {
    let folder = folderName(of: path)
    try makeFolder(folder)
    let (temporary, descriptor) = try openTemporary(in: folder, permissions: permissions)
    var isOpen = true
    do {
      try body(Writer(descriptor: descriptor, path: path))
      guard fsync(descriptor) == 0 else { throw FileError("write", path, code: errno) }
      isOpen = false
      guard close(descriptor) == 0 else { throw FileError("write", path, code: errno) }
      guard rename(temporary, path) == 0 else { throw FileError("write", path, code: errno) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    syncFolder(folder)
  }

  /// Takes the pieces of a file.
  public struct Writer {
    let descriptor: Int32
    let path: String

    /// Appends bytes.
    ///
    /// - Parameter bytes: The next piece.
    /// - Throws: `FileError`.
    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Appends bytes.
    ///
    /// - Parameter bytes: The next piece.
    /// - Throws: `FileError`.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        #if canImport(Glibc)
        let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
        #else
        let count = Darwin.write(descriptor, piece.baseAddress, piece.count)
        #endif
        if count < 0 {
          if errno == EINTR { continue }
          throw FileError("write", path, code: errno)
        }
        rest = rest.dropFirst(count)
      }
    }
  }

  private static func openTemporary(
    in folder: String, permissions: mode_t = 0o666
  ) throws -> (path: String, descriptor: Int32) {
    let number = UInt64.random(in: 0 ... .max)
    let path = joinPath(folder, ".tmp-\(getpid())-\(String(number, radix: 36))")
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions)
    guard descriptor >= 0 else { throw FileError("create a file in", folder, code: errno) }
    return (path, descriptor)
  }

  /// Finds out whether a file could be written: makes its folder, and for a moment another file there.
  ///
  /// - Parameter path: The file.
  /// - Throws: `FileError` when it could not be written.
  public static func check(_ path: String) throws {
    if FileStatus(path: path)?.isFolder == true { throw FileError("write", path, code: EISDIR) }
    let folder = folderName(of: path)
    try makeFolder(folder)
    let (temporary, descriptor) = try openTemporary(in: folder)
    close(descriptor)
    unlink(temporary)
  }

  /// Makes a folder and those above it.
  ///
  /// - Parameter path: The folder.
  /// - Throws: `FileError` when it cannot be made, or a file has its name.
  public static func makeFolder(_ path: String) throws {
    if let status = FileStatus(path: path) {
      if status.isFolder { return }
      throw FileError("make the folder", path, code: EEXIST)
    }
    let parent = folderName(of: path)
    if parent != path { try makeFolder(parent) }
    // Another process may make it at the same moment.
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw FileError("make the folder", path, code: errno)
    }
  }

  /// Makes the rename durable; a file system that cannot is no reason to fail.
  private static func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
