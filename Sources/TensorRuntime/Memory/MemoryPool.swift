import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Memory that tensors come from and return to.
///
/// A denoising step asks for the same sizes again and again. Freed blocks are kept by size class,
/// so from the second step on the pool asks the operating system for nothing and no page faults
/// occur. The pool keeps no more than a fixed multiple of the most bytes that such blocks held at
/// one time. Packed weights are not pooled: they come from the system and go back to it, so that
/// they never take the memory that the next step needs.
public enum MemoryPool {
  /// Bytes in use by tensors, packed weights and working memory.
  public static var currentBytes: Int { state.withLock { $0.live + $0.lasting } }

  /// The most bytes that were in use at one time since the start.
  public static var peakBytes: Int { state.withLock { $0.peak } }

  /// Bytes that the pool holds: those in use and those kept for reuse.
  public static var reservedBytes: Int {
    state.withLock { $0.live + $0.kept + $0.lasting }
  }

  /// How many blocks the operating system has given since the start.
  ///
  /// The number stops growing once a loop has run its first rounds.
  public static var systemAllocations: Int { state.withLock { $0.systemAllocations } }

  /// Returns all unused blocks to the operating system.
  public static func trim() {
    let freed = state.withLock { state in
      defer {
        state.bins.removeAll()
        state.kept = 0
      }
      return state.bins.values.flatMap { $0 }
    }
    for block in freed { free(block.pointer) }
  }

  /// A block on loan.
  struct Block: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
    /// The size class, which is at least the size that was asked for.
    let byteCount: Int
  }

  /// Lends a block with undefined contents, aligned to 64 bytes.
  static func take(byteCount: Int) -> Block {
    let size = sizeClass(byteCount)
    let (found, evicted) = state.withLock { $0.take(size) }
    for block in evicted { free(block.pointer) }
    return found ?? allocate(size)
  }

  /// Takes a block back.
  static func give(_ block: Block) { state.withLock { $0.give(block) } }

  /// Lends a block of exactly this size for data that outlives the steps of a loop.
  static func takeLasting(byteCount: Int) -> Block {
    let size = max(64, (byteCount + 63) / 64 * 64)
    let evicted = state.withLock { state in
      state.lasting += size
      state.notePeak()
      state.systemAllocations += 1
      return state.evict()
    }
    for block in evicted { free(block.pointer) }
    return allocate(size)
  }

  /// Returns a block that `takeLasting` lent to the system.
  static func giveLasting(_ block: Block) {
    state.withLock { $0.lasting -= block.byteCount }
    free(block.pointer)
  }

  /// Rounds up to a multiple of an eighth of the enclosing power of two, at least 256 bytes; large
  /// sizes to a power of two or one and a half times one.
  ///
  /// Feature maps come in many sizes. The fewer classes they fall into, the less memory is kept.
  /// The surplus of a large block is never touched, and so takes no physical memory.
  static func sizeClass(_ byteCount: Int) -> Int {
    let smallest = 256
    let large = 1 << 20
    if byteCount <= smallest { return smallest }
    let magnitude = Int.bitWidth - (byteCount - 1).leadingZeroBitCount
    let step = byteCount > large ? 1 << (magnitude - 2) : max(64, 1 << (magnitude - 4))
    return (byteCount + step - 1) / step * step
  }

  private static func allocate(_ size: Int) -> Block {
    let hugePage = 1 << 21
    var pointer: UnsafeMutableRawPointer?
    let status = posix_memalign(&pointer, size >= 2 * hugePage ? hugePage : 64, size)
    guard status == 0, let pointer else {
      exhaustion.withLock { $0 }?(size)
      preconditionFailure("out of memory: \(size) bytes could not be allocated")
    }
    #if os(Linux)
    // Huge pages save page faults and address translations. Where the system has them switched off
    // the advice has no effect.
    let adviseHugePages: Int32 = 14
    if size >= 2 * hugePage { _ = madvise(pointer, size, adviseHugePages) }
    #endif
    return Block(pointer: pointer, byteCount: size)
  }

  /// Says what happens when the system gives no memory; without it the process traps.
  ///
  /// - Parameter handler: Receives the number of bytes that were asked for, on the thread that asked,
  ///   and ends the process.
  package static func onExhaustion(_ handler: @escaping @Sendable (_ byteCount: Int) -> Never) {
    exhaustion.withLock { $0 = handler }
  }

  private static let exhaustion = Mutex<(@Sendable (Int) -> Never)?>(nil)
  private static let state = Mutex(State())

  private struct State {
    var bins: [Int: [Block]] = [:]
    /// Bytes in use whose blocks will be kept for reuse.
    var live = 0
    var kept = 0
    /// Bytes in use whose blocks will go back to the system.
    var lasting = 0
    /// The highest sum of both kinds so far, and the highest value of `live`.
    var peak = 0
    var livePeak = 0
    var systemAllocations = 0

    /// Finds a kept block, or says which kept blocks to free to make room for a new one.
    mutating func take(_ size: Int) -> (found: Block?, evicted: [Block]) {
      live += size
      notePeak()
      if let block = bins[size]?.popLast() {
        kept -= size
        return (block, [])
      }
      systemAllocations += 1
      return (nil, evict())
    }

    mutating func give(_ block: Block) {
      live -= block.byteCount
      kept += block.byteCount
      bins[block.byteCount, default: []].append(block)
    }

    mutating func notePeak() {
      livePeak = max(livePeak, live)
      peak = max(peak, live + lasting)
    }

    /// Frees kept blocks, largest classes first, until the pool holds at most four times the peak.
    ///
    /// The blocks that are kept of a class are never more than were in use at one time. But the
    /// classes have their peaks at different times, so that the sum needs a limit of its own.
    mutating func evict() -> [Block] {
      let limit = max(4 * livePeak, 256 << 20)
      guard live + kept > limit else { return [] }
      var evicted: [Block] = []
      for size in bins.keys.sorted(by: >) {
        while live + kept > limit, let block = bins[size]?.popLast() {
          kept -= size
          evicted.append(block)
        }
        if bins[size]?.isEmpty == true { bins[size] = nil }
      }
      return evicted
    }
  }
}
