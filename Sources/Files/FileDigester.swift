import Crypto
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Digests the contents of files, and reads a file again only when it has changed.
///
/// A file is known by its device, inode, size, time of modification and time of change. Its digest
/// is remembered in this process, and through a `DigestMemory` by later ones.
package final class FileDigester: Sendable {
  /// The digester of this process, with the memory in the cache folder that the environment names.
  ///
  /// Everything that digests files uses it, so that no file is read twice for two askers.
  package static let shared = FileDigester(
    memory: CacheFolder.path.map { DigestMemory(path: joinPath($0, "file-digests.txt")) })

  /// A reason to stop, as an object: a task cannot hold a closure.
  private final class Check: Sendable {
    let body: @Sendable () throws -> Void
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }

  @TaskLocal private static var check: Check?

  /// Digests files under supervision.
  ///
  /// - Parameters:
  ///   - check: Called for every megabyte that `body` digests; what it throws ends the digest.
  ///   - body: Digests files, directly or through what it calls.
  /// - Returns: What `body` returns.
  package static func checking<Result>(
    _ check: @escaping @Sendable () throws -> Void, _ body: () throws -> Result
  ) rethrows -> Result {
    try $check.withValue(Check(check), operation: body)
  }

  private let known = Mutex<[FileStatus: String]>([:])
  /// One file is read at a time.
  private let reading = Mutex(())
  private let memory: DigestMemory?

  /// Makes a digester.
  ///
  /// - Parameter memory: What earlier processes found out; nil to know no file yet.
  package init(memory: DigestMemory? = nil) { self.memory = memory }

  /// Digests a regular file, or a folder with everything below it.
  ///
  /// - Parameter path: An existing file or folder.
  /// - Returns: 64 hexadecimal digits: for a file the SHA-256 of its bytes; for a folder that of
  ///   its sorted names and their digests. Hidden files, and what is neither a file nor a folder,
  ///   are left out of a folder.
  /// - Throws: `FileError` when something cannot be read, is no file, or changes while it is read;
  ///   what `check` throws.
  package func digest(_ path: String) throws -> String {
    guard let status = FileStatus(path: path) else { throw FileError("open", path, code: errno) }
    if status.kind != .folder { return try digest(of: OpenFile(path)) }
    var folders: [FileStatus: String?] = [:]
    return try digestFolder(path, status, &folders)
  }

  /// Digests a file that is open: the bytes that its descriptor gives, whatever stands at its path
  /// now.
  ///
  /// - Parameter file: The file.
  /// - Returns: The SHA-256 of its bytes in 64 hexadecimal digits.
  /// - Throws: `FileError` when it cannot be read or has changed since it was opened; what `check`
  ///   throws.
  package func digest(of file: OpenFile) throws -> String {
    let status = try file.checkUnchanged()
    if let digest = known.withLock({ $0[status] }) { return digest }
    if let digest = memory?.digest(of: status) {
      known.withLock { $0[status] = digest }
      return digest
    }
    // Who asks for a file that is being read waits, and need not read it again.
    return try reading.withLock { _ in
      if let digest = known.withLock({ $0[status] }) { return digest }
      return try readDigest(of: file, status)
    }
  }

  private func readDigest(of file: OpenFile, _ status: FileStatus) throws -> String {
    let isSettled = memory?.isSettled(status) ?? false
    let digest = try Self.sha256(file)
    guard try file.checkUnchanged() == status else { return digest }
    known.withLock { $0[status] = digest }
    if isSettled { memory?.remember(digest, of: status) }
    return digest
  }

  private static func sha256(_ file: OpenFile) throws -> String {
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { piece.deallocate() }
    var hash = SHA256()
    var offset = 0
    while true {
      try check?.body()
      let count = try file.fill(piece, at: offset)
      if count == 0 { return hexadecimal(hash.finalize()) }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
      offset += count
    }
  }

  /// Digests a folder; `folders` holds those met so far, with nil for those that are being
  /// digested.
  private func digestFolder(
    _ path: String, _ status: FileStatus, _ folders: inout [FileStatus: String?]
  ) throws -> String {
    if let met = folders[status] {
      // A link leads back to a folder that holds it.
      guard let digest = met else { throw FileError("descend into", path, code: ELOOP) }
      return digest
    }
    folders[status] = .some(nil)
    var hash = SHA256()
    for name in try FileReader.names(inFolder: path) where !name.hasPrefix(".") {
      let child = joinPath(path, name)
      guard let status = FileStatus(path: child) else { continue }
      switch status.kind {
      case .file:
        let digest = try digest(of: OpenFile(child))
        hash.update(data: Array("\(name)\u{0}\(digest)\n".utf8))
      case .folder:
        let digest = try digestFolder(child, status, &folders)
        hash.update(data: Array("\(name)\u{0}/\(digest)\n".utf8))
      case .pipe, .socket, .device: continue
      }
    }
    let digest = hexadecimal(hash.finalize())
    folders[status] = digest
    return digest
  }
}
