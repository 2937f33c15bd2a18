/// A generator state that cannot be read.
public enum GeneratorStateError: Error, Equatable, CustomStringConvertible {
  /// The number of bytes is not that of a state.
  case wrongLength(expected: Int, found: Int)
  /// The bytes do not begin as a state does, or hold values that no state has.
  case notAState

  /// What is wrong, in one sentence.
  public var description: String {
    switch self {
    case .wrongLength(let expected, let found):
      "a generator state takes \(expected) bytes, got \(found)"
    case .notAState:
      "these bytes are not a generator state"
    }
  }
}

extension TorchGenerator {
  /// "RGMT" and a version number, by which bytes from elsewhere are recognised and refused.
  private static let header: [UInt8] = [0x52, 0x47, 0x4d, 0x54, 1]
  private static let encodedCount = header.count + 4 * (MersenneTwister.wordCount + 1) + 1 + 8

  /// The whole state, from which another generator can go on drawing: little-endian, of fixed
  /// length.
  public var encodedState: [UInt8] {
    var bytes = Self.header
    bytes.reserveCapacity(Self.encodedCount)
    for word in engine.words + [UInt32(engine.position)] {
      withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }
    bytes.append(cachedNormal == nil ? 0 : 1)
    withUnsafeBytes(of: (cachedNormal ?? 0).bitPattern.littleEndian) {
      bytes.append(contentsOf: $0)
    }
    return bytes
  }

  /// Continues from a saved state.
  ///
  /// - Parameter encodedState: The bytes of another generator's `encodedState`.
  /// - Throws: `GeneratorStateError` when the bytes are something else.
  public init(encodedState: [UInt8]) throws {
    guard encodedState.count == Self.encodedCount else {
      throw GeneratorStateError.wrongLength(
        expected: Self.encodedCount, found: encodedState.count)
    }
    guard encodedState.starts(with: Self.header) else { throw GeneratorStateError.notAState }
    let (words, flag, cached) = encodedState.withUnsafeBytes { bytes in
      let words = (0...MersenneTwister.wordCount).map { index in
        UInt32(
          littleEndian: bytes.loadUnaligned(
            fromByteOffset: Self.header.count + 4 * index, as: UInt32.self))
      }
      let flagOffset = Self.header.count + 4 * (MersenneTwister.wordCount + 1)
      let cached = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: flagOffset + 1, as: UInt64.self))
      return (words, bytes[flagOffset], Double(bitPattern: cached))
    }
    guard flag <= 1, cached.isFinite,
      let engine = MersenneTwister(
        words: Array(words.dropLast()), position: Int(words[MersenneTwister.wordCount]))
    else { throw GeneratorStateError.notAState }
    self.init(engine: engine, cachedNormal: flag == 1 ? cached : nil)
  }
}
