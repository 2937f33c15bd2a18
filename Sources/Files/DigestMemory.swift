import Crypto
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Remembers the digests of large files from one process to the next.
///
/// A checkpoint of some gigabytes takes seconds to digest. A digest counts only for a file with the
/// same device, inode, size, time of modification and time of change, the last of which nobody can
/// set back. A file that changed a moment ago is neither remembered nor looked up, because the
/// clock may be too coarse to show its next change.
///
/// The memory is one text file. A file that is damaged, too long, or writable for others counts as
/// empty, and the digests are computed again.
package final class DigestMemory: Sendable {
  private let path: String
  private let now: @Sendable () -> Int64
  /// What was read last, and the file that it was read from.
  private let last = Mutex<(status: FileStatus, entries: [Entry])?>(nil)

  /// Files below this size are not remembered, because reading them is faster than looking them up.
  static let smallestSize: Int64 = 1 << 20
  /// How many nanoseconds ago the last change of a file must be.
  static let settlingTime: Int64 = 2_000_000_000
  /// How many digests are kept; they are the newest ones.
  static let capacity = 1024
  /// The length in bytes that no memory of so many entries exceeds.
  private static let longest = 1 << 20
  private static let header = "resgraph file digests 1"

  /// Names a memory; it is read when it is needed.
  ///
  /// - Parameter path: The file that keeps it; made when there is something to remember.
  package convenience init(path: String) { self.init(path: path, now: systemTime) }

  /// - Parameters:
  ///   - path: The file that keeps it.
  ///   - now: The time in nanoseconds since 1970.
  init(path: String, now: @escaping @Sendable () -> Int64) {
    self.path = path
    self.now = now
  }

  /// Whether a change after this moment would show.
  func isSettled(_ status: FileStatus) -> Bool {
    let (age, overflow) = now().subtractingReportingOverflow(max(status.modified, status.changed))
    return !overflow && age >= Self.settlingTime
  }

  /// The digest of a file, nil when it is not remembered.
  func digest(of status: FileStatus) -> String? {
    guard status.size >= Self.smallestSize, isSettled(status) else { return nil }
    return read().last { $0.status == status }?.digest
  }

  /// Remembers a digest, and forgets the oldest ones where there are too many.
  ///
  /// When the file cannot be written, the next process computes the digest again.
  ///
  /// - Parameters:
  ///   - digest: 64 lower-case hexadecimal digits.
  ///   - status: The file, as it was before it was read and still is.
  func remember(_ digest: String, of status: FileStatus) {
    guard status.size >= Self.smallestSize else { return }
    // Entries of other processes are kept, but not those of older versions of this file.
    var entries = read().filter {
      ($0.status.device, $0.status.inode) != (status.device, status.inode)
    }
    entries.append(Entry(status: status, digest: digest))
    let lines = entries.suffix(Self.capacity).map { "\($0.status.text) \($0.digest)" }
    let body = ([Self.header] + lines).joined(separator: "\n") + "\n"
    let text = body + Self.checksum(body[...]) + "\n"
    try? AtomicFile.write(Array(text.utf8), to: path, permissions: 0o600, isSynced: false)
  }

  private struct Entry {
    let status: FileStatus
    let digest: String

    init(status: FileStatus, digest: String) {
      self.status = status
      self.digest = digest
    }

    init?(line: Substring) {
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      guard fields.count == 6, let status = FileStatus(fields: Array(fields.dropLast())),
        isDigest(fields[5])
      else { return nil }
      self.init(status: status, digest: String(fields[5]))
    }
  }

  /// All entries, the oldest first; read again when the file is another one.
  private func read() -> [Entry] {
    guard let status = FileStatus(path: path) else { return [] }
    return last.withLock { last in
      if last?.status != status { last = (status, readFile()) }
      return last?.entries ?? []
    }
  }

  /// None where the file is not whole.
  private func readFile() -> [Entry] {
    guard let bytes = Self.ownBytes(path) else { return [] }
    let text = String(decoding: bytes, as: UTF8.self)
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.popLast()?.isEmpty == true, let checksum = lines.popLast(),
      Self.checksum(text[..<checksum.startIndex]) == checksum, lines.first == Self.header[...]
    else { return [] }
    let entries = lines.dropFirst().map { Entry(line: $0) }
    guard entries.count <= Self.capacity, entries.allSatisfy({ $0 != nil }) else { return [] }
    return entries.compactMap(\.self)
  }

  private static func checksum(_ text: Substring) -> String {
    hexadecimal(SHA256.hash(data: Array(text.utf8)))
  }

  /// The content of a regular file that belongs to this user and that nobody else may write; nil
  /// for any other file.
  private static func ownBytes(_ path: String) -> [UInt8]? {
    guard let file = try? OpenFile(path) else { return nil }
    var info = stat()
    guard fstat(file.descriptor, &info) == 0, info.st_uid == geteuid(), info.st_mode & 0o022 == 0
    else { return nil }
    return try? file.bytes(limit: longest)
  }
}
