import CVocabulary

/// Token texts and ids, and the merges between them.
struct Vocabulary: Sendable {
  /// The text of every id that has one.
  let tokens: [Int: String]
  /// The id of every text.
  let ids: [String: Int]
  /// The merges, best first.
  let merges: [(left: Int, right: Int, result: Int)]
  /// The ending that marks the last symbol of a piece.
  let endOfWord: String

  static let endOfWordSuffix = "</w>"

  init(
    ids: [String: Int], merges: [(left: Int, right: Int, result: Int)],
    endOfWord: String = Vocabulary.endOfWordSuffix
  ) {
    self.ids = ids
    self.merges = merges
    self.endOfWord = endOfWord
    tokens = Dictionary(ids.map { ($1, $0) }) { first, second in min(first, second) }
  }

  /// OpenAI's vocabulary of 49,408 tokens, which ships inside the engine.
  static let builtIn: Vocabulary = {
    var texts = ByteAlphabet.order.map { String(ByteAlphabet.characters[Int($0)]) }
    texts += texts.map { $0 + endOfWordSuffix }
    var merges: [(left: Int, right: Int, result: Int)] = []
    var count = 0
    if let rows = cv_clip_merges(&count) {
      texts.reserveCapacity(texts.count + count + 2)
      merges.reserveCapacity(count)
      for row in 0..<count {
        let (left, right) = (Int(rows[2 * row]), Int(rows[2 * row + 1]))
        merges.append((left, right, texts.count))
        texts.append(texts[left] + texts[right])
      }
    }
    texts += [AddedToken.start.content, AddedToken.end.content]
    let ids = Dictionary(zip(texts, texts.indices)) { first, _ in first }
    return Vocabulary(ids: ids, merges: merges)
  }()

  /// Makes the encoder of this vocabulary.
  func encoder(unknownID: Int?) -> BytePairEncoder {
    var table: [UInt64: BytePairEncoder.Merge] = [:]
    table.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      let key = BytePairEncoder.pairKey(Int32(merge.left), Int32(merge.right))
      table[key] = BytePairEncoder.Merge(rank: Int32(rank), result: Int32(merge.result))
    }
    let characters = ByteAlphabet.characters.map { String($0) }
    return BytePairEncoder(
      byteIDs: characters.map { ids[$0].map(Int32.init) },
      finalByteIDs: characters.map { ids[$0 + endOfWord].map(Int32.init) },
      unknownID: unknownID.map(Int32.init), merges: table)
  }
}
