import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The read-only bytes of a weight file: mapped from disk, or an array held in memory.
///
/// A mapped file stays open. `checkUnchanged()` notices that it was truncated or rewritten; bytes
/// handed out earlier stay mapped, and reading them after a truncation is the system's error (SIGBUS),
/// as with every mapped file.
final class FileBytes: Sendable {
  let path: String
  /// All bytes; valid as long as this object lives.
  nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  /// The open file; nil for bytes in memory.
  private let file: OpenFile?

  /// Maps the regular file at `path`.
  init(path: String) throws(WeightError) {
    self.path = path
    do throws(FileError) {
      let file = try OpenFile(path)
      self.file = file
      bytes = try Self.map(file)
    } catch {
      throw .file(error)
    }
  }

  private static func map(_ file: OpenFile) throws(FileError) -> UnsafeRawBufferPointer {
    let count = Int(file.status.size)
    guard count > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw FileError("map", file.path, code: errno)
    }
    return UnsafeRawBufferPointer(start: address, count: count)
  }

  /// Holds a copy of `array`; `name` stands for the path in messages.
  init(_ array: [UInt8], name: String) {
    path = name
    file = nil
    let copy = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(array.count, 1), alignment: 64)
    copy.copyBytes(from: array)
    bytes = UnsafeRawBufferPointer(rebasing: copy[0..<array.count])
  }

  deinit {
    guard let address = bytes.baseAddress else { return }
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
    } else {
      address.assumingMemoryBound(to: UInt8.self).deallocate()
    }
  }

  /// Whether the bytes are a file's, and not an array's.
  var isMapped: Bool { file != nil }

  /// Throws `FileError.Reason.changed` when the open file is no longer what was mapped.
  func checkUnchanged() throws(WeightError) {
    do throws(FileError) { try file?.checkUnchanged() } catch { throw .file(error) }
  }

  /// The SHA-256 of the bytes; a file's is remembered.
  var digest: String {
    get throws { try file.map { try FileDigester.shared.digest(of: $0) } ?? Digest.bytes(bytes) }
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
