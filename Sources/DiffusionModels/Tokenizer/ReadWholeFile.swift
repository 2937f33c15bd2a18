import Glibc

/// The bytes of a regular file, or nil when there is none at `path`.
func readWholeFile(_ path: String, limit: Int) throws -> [UInt8]? {
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
  let count = Int(status.st_size)
  guard count <= limit else {
    throw TokenizerError.malformed(path: path, reason: "\(count) bytes, more than \(limit)")
  }
  var bytes = [UInt8](repeating: 0, count: count)
  var filled = 0
  while filled < count {
    let got = bytes.withUnsafeMutableBytes { buffer in
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      return read(descriptor, rest.baseAddress, rest.count)
    }
    guard got > 0 else { break }
    filled += got
  }
  return Array(bytes.prefix(filled))
}
