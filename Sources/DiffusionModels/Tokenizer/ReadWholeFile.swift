#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The bytes of a regular file, or nil when there is none at `path`.
func readWholeFile(_ path: String, limit: Int) throws -> [UInt8]? {
  try withRegularFile(path) { descriptor, count in
    guard count <= limit else {
      throw TokenizerError.malformed(path: path, reason: "\(count) bytes, more than \(limit)")
    }
    return readBytes(descriptor, at: 0, count: count)
  }
}

/// The first and the last bytes of a regular file, or nil when there is none at `path`.
func readEnds(_ path: String, count: Int = 4_096) throws -> [UInt8]? {
  try withRegularFile(path) { descriptor, size in
    let first = readBytes(descriptor, at: 0, count: min(size, count))
    return first + readBytes(descriptor, at: max(first.count, size - count), count: count)
  }
}

private func withRegularFile<Result>(
  _ path: String, _ body: (_ descriptor: Int32, _ size: Int) throws -> Result
) throws -> Result? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else {
    if errno == ENOENT { return nil }
    throw TokenizerError.malformed(path: path, reason: String(cString: strerror(errno)))
  }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    throw TokenizerError.malformed(path: path, reason: "not a regular file")
  }
  return try body(descriptor, Int(status.st_size))
}

/// As many bytes as there are, at most `count`.
private func readBytes(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  var filled = 0
  while filled < count {
    let got = bytes.withUnsafeMutableBytes { buffer in
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      return pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
    }
    guard got > 0 else { break }
    filled += got
  }
  return Array(bytes.prefix(filled))
}
