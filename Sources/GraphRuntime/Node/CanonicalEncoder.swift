import Crypto

/// Hashes typed, length-prefixed fields, so that no two different sequences of fields give the same
/// bytes, and the bytes are the same in every process and on every machine.
///
/// Each field is one tag byte, then for texts and bytes the length as eight little-endian bytes.
public struct CanonicalEncoder {
  private var hash = SHA256()

  /// Starts a digest.
  ///
  /// - Parameter domain: What is being hashed and the version of its encoding.
  public init(domain: String) { add(domain) }

  /// Adds a text.
  ///
  /// - Parameter text: The text; hashed as UTF-8, without normalisation.
  public mutating func add(_ text: String) { add(tag: "s", Array(text.utf8)) }

  /// Adds bytes.
  ///
  /// - Parameter bytes: The bytes.
  public mutating func add(_ bytes: [UInt8]) { add(tag: "b", bytes) }

  /// Adds a count, as before a list of known length.
  ///
  /// - Parameter count: The number.
  public mutating func add(count: Int) { add(tag: "n", littleEndian(UInt64(count))) }

  /// Adds a plain value with its type: 1, 1.0, "1" and [1] are all different.
  ///
  /// - Parameter literal: The value. All NaNs are one value; 0.0 and -0.0 are two.
  public mutating func add(_ literal: Literal) {
    switch literal {
    case .null: add(tag: "0", [])
    case .bool(let value): add(tag: "t", [value ? 1 : 0])
    case .int(let value): add(tag: "i", Array(String(value).utf8))
    case .float(let value):
      let bits = value.isNaN ? Double.nan.bitPattern : value.bitPattern
      add(tag: "f", littleEndian(bits))
    case .string(let value): add(tag: "l", Array(value.utf8))
    case .list(let items):
      add(tag: "[", littleEndian(UInt64(items.count)))
      for item in items { add(item) }
    }
  }

  /// Ends the digest.
  ///
  /// - Returns: The key of everything added.
  public func key() -> CacheKey { CacheKey(hash.finalize()) }

  private mutating func add(tag: Unicode.Scalar, _ bytes: [UInt8]) {
    hash.update(data: [UInt8(ascii: tag)])
    hash.update(data: littleEndian(UInt64(bytes.count)))
    hash.update(data: bytes)
  }

  private func littleEndian(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
}
