#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes files so that a reader sees either the old content or the new one, never a part.
package enum AtomicFile {
  /// Writes a file under a temporary name in the same folder, syncs it and renames it.
  ///
  /// - Parameters:
  ///   - bytes: The content.
  ///   - path: Where; missing folders are made.
  ///   - permissions: Who may read and write it, before the process's own mask.
  ///   - isSynced: Whether the file outlasts a crash of the machine; else it may be damaged then, which
  ///     its reader must notice.
  /// - Throws: `FileError`; a full disk gives the exit code `temporary`. Nothing is left behind.
  package static func write(
    _ bytes: [UInt8], to path: String, permissions: mode_t = 0o666, isSynced: Bool = true
  ) throws {
    try write(to: path, permissions: permissions, isSynced: isSynced) { try $0.write(bytes) }
  }

  /// Writes a file piece by piece under a temporary name in the same folder, syncs it and renames
  /// it.
  ///
  /// - Parameters:
  ///   - path: Where; missing folders are made.
  ///   - permissions: Who may read and write it, before the process's own mask.
  ///   - isSynced: Whether the file outlasts a crash of the machine.
  ///   - body: Writes the pieces.
  /// - Throws: `FileError`, or what `body` throws. Nothing is left behind.
  package static func write(
    to path: String, permissions: mode_t = 0o666, isSynced: Bool = true,
    _ body: (Writer) throws -> Void
  ) throws {
    try refuseWhatIsNoFile(path)
    let folder = folderName(of: path)
    try makeFolder(folder)
    let (temporary, descriptor) = try openTemporary(in: folder, permissions: permissions)
    var isOpen = true
    do {
      try body(Writer(descriptor: descriptor, path: path))
      guard !isSynced || fsync(descriptor) == 0 else { throw FileError("write", path, code: errno) }
      isOpen = false
      guard close(descriptor) == 0 else { throw FileError("write", path, code: errno) }
      guard rename(temporary, path) == 0 else { throw FileError("write", path, code: errno) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    if isSynced { syncFolder(folder) }
  }

  /// Takes the pieces of a file.
  package struct Writer {
    let descriptor: Int32
    let path: String

    /// Appends bytes.
    ///
    /// - Parameter bytes: The next piece.
    /// - Throws: `FileError`.
    package func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Appends bytes.
    ///
    /// - Parameter bytes: The next piece.
    /// - Throws: `FileError`.
    package func write(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = UnsafeRawBufferPointer(rebasing: rest)
        let count = systemWrite(descriptor, piece.baseAddress, piece.count)
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

  /// Finds out whether a file could be written: makes its folder and another file there for a
  /// moment.
  ///
  /// Folders that had to be made are removed again.
  ///
  /// - Parameter path: The file.
  /// - Throws: `FileError` when it could not be written.
  package static func check(_ path: String) throws {
    try refuseWhatIsNoFile(path)
    let folder = folderName(of: path)
    var made: [String] = []
    // A folder in which somebody has put something meanwhile stays.
    defer { for folder in made.reversed() { rmdir(folder) } }
    try makeFolder(folder, made: &made)
    let (temporary, descriptor) = try openTemporary(in: folder)
    close(descriptor)
    unlink(temporary)
  }

  /// Makes a folder and those above it.
  ///
  /// - Parameter path: The folder.
  /// - Throws: `FileError` when it cannot be made, or a file has its name.
  package static func makeFolder(_ path: String) throws {
    var made: [String] = []
    try makeFolder(path, made: &made)
  }

  private static func makeFolder(_ path: String, made: inout [String]) throws {
    if let status = FileStatus(path: path) {
      if status.kind == .folder { return }
      throw FileError("make the folder", path, code: EEXIST)
    }
    let parent = folderName(of: path)
    if parent != path { try makeFolder(parent, made: &made) }
    if mkdir(path, 0o777) == 0 {
      made.append(path)
    } else if errno != EEXIST {
      throw FileError("make the folder", path, code: errno)
    }
    // Otherwise another process has made it at the same moment.
  }

  /// A rename would put a file in the place of a device or a pipe.
  private static func refuseWhatIsNoFile(_ path: String) throws(FileError) {
    guard let kind = FileStatus(path: path)?.kind, kind != .file else { return }
    if kind == .folder { throw FileError("write", path, code: EISDIR) }
    throw FileError("write", path, .notAFile(kind))
  }

  /// Makes the rename durable, where the file system can.
  private static func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}

/// The system's function; its name is hidden by the writer's own.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
