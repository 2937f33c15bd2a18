import Crypto
import Glibc
import Synchronization

/// SHA-256 identities of files and of descriptions.
public enum Digest {
  private static let known = Mutex<[FileIdentity: String]>([:])

  /// The SHA-256 of a regular file's content.
  ///
  /// Streamed, and remembered in this process for as long as device, inode, size and modification
  /// time stay the same.
  ///
  /// - Parameter path: The file.
  /// - Returns: 64 lower-case hexadecimal digits.
  /// - Throws: `WeightError` when the file is missing or cannot be read.
  public static func file(_ path: String) throws(WeightError) -> String {
    let descriptor = try openRegularFile(path)
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .fileUnreadable(path: path, reason: systemReason())
    }
    let identity = FileIdentity(status)
    if let digest = known.withLock({ $0[identity] }) { return digest }
    let digest = try stream(descriptor, path: path)
    guard fstat(descriptor, &status) == 0, FileIdentity(status) == identity else {
      throw .fileChanged(path: path)
    }
    known.withLock { $0[identity] = digest }
    return digest
  }

  private static func stream(_ descriptor: Int32, path: String) throws(WeightError) -> String {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { chunk.deallocate() }
    var hash = SHA256()
    while true {
      let count = read(descriptor, chunk.baseAddress, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .fileUnreadable(path: path, reason: systemReason()) }
      if count == 0 { return hexadecimal(hash.finalize()) }
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: chunk[0..<count]))
    }
  }

  /// The SHA-256 of a list of texts, each preceded by its length, so that no two lists collide.
  ///
  /// - Parameter fields: The texts in order.
  /// - Returns: 64 lower-case hexadecimal digits.
  public static func fields(_ fields: [String]) -> String {
    var hash = SHA256()
    for field in fields {
      var count = UInt64(field.utf8.count).littleEndian
      withUnsafeBytes(of: &count) { hash.update(bufferPointer: $0) }
      Array(field.utf8).withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    return hexadecimal(hash.finalize())
  }

  /// The SHA-256 of bytes in memory.
  ///
  /// - Parameter bytes: The content.
  /// - Returns: 64 lower-case hexadecimal digits.
  public static func bytes(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return hexadecimal(hash.finalize())
  }

  /// The first four bytes of a text's MD5, as some programs derive seeds from names; never an identity.
  ///
  /// - Parameter text: The text.
  /// - Returns: The number that the first eight hexadecimal digits of the digest spell.
  public static func md5Prefix(_ text: String) -> UInt32 {
    Insecure.MD5.hash(data: Array(text.utf8)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in digest {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
