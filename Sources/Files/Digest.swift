import Crypto

/// SHA-256 identities of descriptions and of bytes in memory; those of files come from
/// `FileDigester`.
package enum Digest {
  /// The SHA-256 of a list of texts, each preceded by its length, so that no two lists collide.
  ///
  /// - Parameter fields: The texts in order.
  /// - Returns: 64 lower-case hexadecimal digits.
  package static func fields(_ fields: [String]) -> String {
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
  package static func bytes(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return hexadecimal(hash.finalize())
  }

  /// The first four bytes of a text's MD5, as some programs derive seeds from names; never an
  /// identity.
  ///
  /// - Parameter text: The text.
  /// - Returns: The number that the first eight hexadecimal digits of the digest spell.
  package static func md5Prefix(_ text: String) -> UInt32 {
    Insecure.MD5.hash(data: Array(text.utf8)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}
