import Crypto
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Digests file contents, and reads a file again only when its size or time of change differ.
public final class FileDigester: Sendable {
  private let known = Mutex<[String: (status: FileStatus, digest: String)]>([:])
  private let memory: DigestMemory?

  /// Makes a digester.
  ///
  /// - Parameter memory: What earlier processes found out; nil to know no file yet.
  public init(memory: DigestMemory? = nil) { self.memory = memory }

  /// Digests a file, or a folder with everything below it.
  ///
  /// - Parameter path: An existing file or folder.
  /// - Returns: 64 hexadecimal digits.
  /// - Throws: `FileError` when something cannot be read.
  public func digest(_ path: String) throws -> String {
    guard let status = FileStatus(path: path) else { throw FileError("open", path, code: ENOENT) }
    return status.isFolder ? try digestFolder(path, depth: 0) : try digestFile(path, status)
  }

  private func digestFile(_ path: String, _ status: FileStatus) throws -> String {
    if let entry = known.withLock({ $0[path] }), entry.status == status { return entry.digest }
    let remembered = memory?.digest(of: status)
    let isSettled = memory?.isSettled(status) ?? false
    let digest = try remembered ?? hexadecimal(FileReader.sha256(path))
    // A file that changed while it was read must be read again next time.
    guard FileStatus(path: path) == status else { return digest }
    known.withLock { $0[path] = (status, digest) }
    if remembered == nil, isSettled { memory?.remember(digest, of: status) }
    return digest
  }

  private func digestFolder(_ path: String, depth: Int) throws -> String {
    guard depth < 32 else { throw FileError("descend into", path, code: ELOOP) }
    var hash = SHA256()
    for name in try FileReader.names(inFolder: path) where !name.hasPrefix(".") {
      let child = joinPath(path, name)
      guard let status = FileStatus(path: child) else { continue }
      let digest =
        status.isFolder
        ? try digestFolder(child, depth: depth + 1) : try digestFile(child, status)
      hash.update(data: Array("\(name)\u{0}\(status.isFolder ? "/" : "")\(digest)\n".utf8))
    }
    return hexadecimal(hash.finalize())
  }
}

/// Plain reading of files and folders.
enum FileReader {
  /// Opens for reading; a pipe that nobody writes to would block for ever, so only those of `/dev`
  /// are taken: standard input and a shell's `<(…)`.
  private static func openForReading(_ path: String) throws -> Int32 {
    if !path.hasPrefix("/dev/"), isPipe(path) { throw FileError("open", path, code: EINVAL) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError("open", path, code: errno) }
    return descriptor
  }

  private static func isPipe(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFIFO
  }

  /// Hashes a file in pieces.
  static func sha256(_ path: String) throws -> SHA256.Digest {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("read", path, code: errno)
      }
      if count == 0 { return hash.finalize() }
      buffer.withUnsafeBytes { hash.update(bufferPointer: .init(rebasing: $0[..<count])) }
    }
  }

  /// The names in a folder, sorted by their bytes.
  static func names(inFolder path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw FileError("open", path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  /// Reads a whole file, refusing one that is larger than the limit.
  static func bytes(_ path: String, limit: Int) throws -> [UInt8] {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    return try bytes(descriptor, path: path, limit: limit)
  }

  /// Reads the rest of an open file, refusing one that is larger than the limit.
  static func bytes(_ descriptor: Int32, path: String, limit: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError("read", path, code: errno)
      }
      if count == 0 { return result }
      result += buffer[..<count]
      if result.count > limit { throw FileError("read", path, code: EFBIG) }
    }
  }
}
