import Glibc
import TensorRuntime

extension FileBytes: PageReleasing {
  /// Unmaps the whole pages inside these bytes until they are read again; they stay in the system's
  /// file cache.
  func releasePages(of part: UnsafeRawBufferPointer) {
    guard identity != nil, let first = part.baseAddress, let base = bytes.baseAddress,
      first >= base, first + part.count <= base + bytes.count
    else { return }
    let page = sysconf(Int32(_SC_PAGESIZE))
    let begin = (Int(bitPattern: first) + page - 1) / page * page
    let end = (Int(bitPattern: first) + part.count) / page * page
    guard begin < end, let address = UnsafeMutableRawPointer(bitPattern: begin) else { return }
    _ = madvise(address, end - begin, MADV_DONTNEED)
  }
}
