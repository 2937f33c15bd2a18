import CVocabulary

/// The characters by which CLIP writes bytes: each byte is its own character where that is
/// printable, and one from U+0100 on otherwise.
enum ByteAlphabet {
  /// The bytes in the order of the vocabulary's first 256 ids.
  static let order: [UInt8] = printable + (0...255).filter { !printable.contains($0) }

  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var result = (0...255).map { Unicode.Scalar(UInt8($0)) }
    for (index, byte) in order.dropFirst(printable.count).enumerated() {
      if let scalar = Unicode.Scalar(UInt32(0x100 + index)) { result[Int(byte)] = scalar }
    }
    return result
  }()

  /// Returns the bytes of a token's text.
  ///
  /// Characters outside the alphabet stand for themselves.
  static func decode(_ token: some StringProtocol) -> [UInt8] {
    token.unicodeScalars.flatMap { scalar -> [UInt8] in
      if let byte = bytes[scalar] { return [byte] }
      return Array(String(scalar).utf8)
    }
  }

  private static let printable: [UInt8] =
    Array(33...126) + Array(161...172) + Array(174...255)

  private static let bytes = Dictionary(
    uniqueKeysWithValues: characters.enumerated().map { ($1, UInt8($0)) })
}
