/// The MT19937 generator of 32-bit words (Matsumoto and Nishimura, 1998).
struct MersenneTwister: Sendable, Equatable {
  static let wordCount = 624
  private static let middle = 397

  /// The state, which always has `wordCount` words.
  private(set) var words: [UInt32]
  /// The index of the next word that is given out; `wordCount` when the state must be renewed
  /// first.
  private(set) var position: Int

  init(seed: UInt32) {
    var word = seed
    words = [word]
    words.reserveCapacity(Self.wordCount)
    for index in 1..<UInt32(Self.wordCount) {
      word = 1_812_433_253 &* (word ^ (word &>> 30)) &+ index
      words.append(word)
    }
    position = Self.wordCount
  }

  /// Restores a saved state; nil when the words or the position are not those of a state.
  init?(words: [UInt32], position: Int) {
    guard words.count == Self.wordCount, (0...Self.wordCount).contains(position) else { return nil }
    self.words = words
    self.position = position
  }

  mutating func next() -> UInt32 {
    if position == Self.wordCount { renew() }
    var word = words[position]
    position += 1
    word ^= word &>> 11
    word ^= (word &<< 7) & 0x9d2c_5680
    word ^= (word &<< 15) & 0xefc6_0000
    return word ^ (word &>> 18)
  }

  private mutating func renew() {
    for index in 0..<Self.wordCount {
      let next = words[(index + 1) % Self.wordCount]
      let joined = (words[index] & 0x8000_0000) | (next & 0x7fff_ffff)
      let twist: UInt32 = joined & 1 == 0 ? 0 : 0x9908_b0df
      words[index] = words[(index + Self.middle) % Self.wordCount] ^ (joined &>> 1) ^ twist
    }
    position = 0
  }
}
