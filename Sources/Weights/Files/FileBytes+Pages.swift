import TensorRuntime

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension FileBytes: PageReleasing {
  /// Maps the pages of these bytes in one call, reading ahead what is not in the file cache.
  ///
  /// A fault for every few pages costs more. Kernels that do not know the request refuse it harmlessly.
  func fetchPages(of part: UnsafeRawBufferPointer) {
    guard let first = part.baseAddress, contains(part) else { return }
    let begin = Int(bitPattern: first) / Self.pageSize * Self.pageSize
    let length = Int(bitPattern: first) + part.count - begin
    let populateForReading: Int32 = 22
    guard length > 0, let address = UnsafeMutableRawPointer(bitPattern: begin) else { return }
    _ = madvise(address, length, populateForReading)
  }

  /// Unmaps the whole pages inside these bytes until they are read again; they stay in the system's
  /// file cache.
  func releasePages(of part: UnsafeRawBufferPointer) {
    guard let first = part.baseAddress, contains(part) else { return }
    let page = Self.pageSize
    let begin = (Int(bitPattern: first) + page - 1) / page * page
    let end = (Int(bitPattern: first) + part.count) / page * page
    guard begin < end, let address = UnsafeMutableRawPointer(bitPattern: begin) else { return }
    _ = madvise(address, end - begin, MADV_DONTNEED)
  }

  private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  /// Whether this is a mapped file and the bytes are among its own.
  private func contains(_ part: UnsafeRawBufferPointer) -> Bool {
    guard isMapped, let first = part.baseAddress, let base = bytes.baseAddress else {
      return false
    }
    return first >= base && first + part.count <= base + bytes.count
  }
}
