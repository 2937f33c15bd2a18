/// Byte-pair merging over token ids.
struct BytePairEncoder: Sendable {
  struct Merge: Sendable {
    let rank: Int32
    let result: Int32
  }

  /// The id of a byte inside a word and at its end; nil where the vocabulary lacks it.
  let byteIDs: [Int32?]
  let finalByteIDs: [Int32?]
  /// The id for bytes that the vocabulary lacks; nil to leave them out.
  let unknownID: Int32?
  private let merges: [UInt64: Merge]

  init(byteIDs: [Int32?], finalByteIDs: [Int32?], unknownID: Int32?, merges: [UInt64: Merge]) {
    self.byteIDs = byteIDs
    self.finalByteIDs = finalByteIDs
    self.unknownID = unknownID
    self.merges = merges
  }

  static func pairKey(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The token ids of one piece of text given as UTF-8.
  func encode(_ bytes: [UInt8]) -> [Int] {
    var symbols: [Int32] = []
    symbols.reserveCapacity(bytes.count)
    for (index, byte) in bytes.enumerated() {
      let table = index == bytes.count - 1 ? finalByteIDs : byteIDs
      if let id = table[Int(byte)] ?? unknownID { symbols.append(id) }
    }
    return merge(symbols).map(Int.init)
  }

  /// Applies the best-ranked merge, leftmost first, until none applies.
  ///
  /// - Complexity: O(n log n), so that a word of a million letters takes no harm.
  private func merge(_ symbols: [Int32]) -> [Int32] {
    var chain = SymbolChain(symbols)
    var queue = MergeQueue()
    func offer(_ position: Int) {
      guard let (left, right) = chain.pair(at: position) else { return }
      if let merge = merges[Self.pairKey(left, right)] {
        queue.push(MergeQueue.Entry(rank: merge.rank, position: position, result: merge.result))
      }
    }
    for position in symbols.indices { offer(position) }
    while let best = queue.pop() {
      // One of the two symbols may have been merged since the pair was queued.
      guard let (left, right) = chain.pair(at: best.position),
        merges[Self.pairKey(left, right)]?.result == best.result
      else { continue }
      chain.join(at: best.position, as: best.result)
      if let previous = chain.previous(of: best.position) { offer(previous) }
      offer(best.position)
    }
    return chain.symbols
  }
}

/// Symbols in a doubly linked list, so that joining two is O(1).
private struct SymbolChain {
  private var ids: [Int32]
  private var next: [Int]
  private var before: [Int]
  private var alive: [Bool]

  init(_ symbols: [Int32]) {
    ids = symbols
    next = Array(1..<(symbols.count + 1))
    before = Array(-1..<(symbols.count - 1))
    alive = [Bool](repeating: true, count: symbols.count)
  }

  var symbols: [Int32] { zip(ids, alive).compactMap { $1 ? $0 : nil } }

  func pair(at position: Int) -> (Int32, Int32)? {
    guard alive[position], next[position] < ids.count else { return nil }
    return (ids[position], ids[next[position]])
  }

  func previous(of position: Int) -> Int? { before[position] < 0 ? nil : before[position] }

  mutating func join(at position: Int, as id: Int32) {
    let removed = next[position]
    ids[position] = id
    alive[removed] = false
    next[position] = next[removed]
    if next[position] < ids.count { before[next[position]] = position }
  }
}

/// A binary heap of possible merges, lowest rank first, then leftmost.
private struct MergeQueue {
  struct Entry {
    let rank: Int32
    let position: Int
    let result: Int32

    func precedes(_ other: Entry) -> Bool {
      rank == other.rank ? position < other.position : rank < other.rank
    }
  }

  private var entries: [Entry] = []

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].precedes(entries[parent]) else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Entry? {
    guard let best = entries.first, let last = entries.popLast() else { return nil }
    guard !entries.isEmpty else { return best }
    entries[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= entries.count { break }
      if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
      guard entries[child].precedes(entries[parent]) else { break }
      entries.swapAt(child, parent)
      parent = child
    }
    return best
  }
}
