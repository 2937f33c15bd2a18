import Glibc

/// Writing a file so that readers see the old one or the whole new one.
public enum AtomicFile {
  /// Writes chunks to a temporary name in the same folder, syncs, and renames.
  ///
  /// - Parameters:
  ///   - path: The final name; replaced when it exists.
  ///   - body: Calls its argument with each chunk in order.
  /// - Throws: `WeightError.writeFailed`, or whatever `body` throws; the temporary file is removed.
  public static func write(
    path: String, _ body: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let folder = FileSystem.folder(of: path)
    let suffix = "\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let temporary = FileSystem.join(folder, ".\(FileSystem.name(of: path)).\(suffix).tmp")
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path) }
    var isOpen = true
    do {
      try body { try writeAll($0, to: descriptor, path: path) }
      guard fsync(descriptor) == 0 else { throw failure(path) }
      isOpen = false
      guard close(descriptor) == 0 else { throw failure(path) }
      guard rename(temporary, path) == 0 else { throw failure(path) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    syncFolder(folder)
  }

  private static func failure(_ path: String) -> WeightError {
    .writeFailed(path: path, reason: systemReason())
  }

  private static func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws(WeightError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let chunk = UnsafeRawBufferPointer(rebasing: rest)
      let count = Glibc.write(descriptor, chunk.baseAddress, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failure(path) }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes the rename durable; some file systems cannot, which costs durability only.
  private static func syncFolder(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
