import Crypto
import ResgraphFiles

/// Identifies a result by the SHA-256 of everything on which it depends.
public struct CacheKey: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The digest in 64 lower-case hexadecimal digits.
  public let hex: String

  /// Makes a key of a digest.
  ///
  /// - Parameter digest: The SHA-256.
  init(_ digest: SHA256.Digest) { hex = hexadecimal(digest) }

  /// Makes a key that equals no other, for results that must not be found again.
  ///
  /// - Returns: A random key.
  public static func unique() -> CacheKey {
    var encoder = CanonicalEncoder(domain: "unique")
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<4 { encoder.add(Literal.int(Int128(generator.next()))) }
    return encoder.key()
  }

  /// The first digits, enough to tell keys apart in a listing.
  public var short: String { String(hex.prefix(12)) }
  /// All digits.
  public var description: String { hex }
}
