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
/// A denoising step asks for the same sizes again and again. Freed blocks are kept by size class, so
/// that from the second step on nothing is asked of the operating system and no page faults occur.
/// What is kept is bounded by what such blocks held at their peak. Packed weights stay out of this:
/// they come from the system and go back to it, so that they never take what the next step needs.
public enum MemoryPool {
  /// Bytes in use by tensors, packed weights and working memory.
  public static var currentBytes: Int { state.withLock { $0.live + $0.lasting } }

  /// The most bytes that were in use at one time since the start.
  public static var peakBytes: Int { state.withLock { $0.peak } }

  /// Bytes held from the operating system: in use, or kept for reuse.
  public static var reservedBytes: Int {
    state.withLock { $0.live + $0.kept + $0.lasting }
  }

  /// Blocks asked of the operating system since the start; stands still once a loop has warmed up.
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
    /// The size class, at least what was asked for.
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

  /// Lends a block of just this size for something that outlives the steps of a loop.
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

  /// Returns such a block to the system.
  static func giveLasting(_ block: Block) {
    state.withLock { $0.lasting -= block.byteCount }
    free(block.pointer)
  }

  /// Rounds up to a multiple of an eighth of the enclosing power of two, at least 256 bytes; large
  /// sizes to a power of two or one and a half times one.
  ///
  /// Feature maps come in many sizes. The fewer classes these fall into, the less is kept; what a
  /// large block has too much is never touched, and so takes no memory.
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
      preconditionFailure("out of memory: \(size) bytes could not be allocated")
    }
    #if os(Linux)
    // Fewer page faults and translations; refused harmlessly where the system has it off.
    let adviseHugePages: Int32 = 14
    if size >= 2 * hugePage { _ = madvise(pointer, size, adviseHugePages) }
    #endif
    return Block(pointer: pointer, byteCount: size)
  }

  private static let state = Mutex(State())

  private struct State {
    var bins: [Int: [Block]] = [:]
    /// Bytes of blocks that will be kept.
    var live = 0
    var kept = 0
    /// Bytes of blocks that go back to the system.
    var lasting = 0
    /// The most of both kinds, and of the first.
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

    /// Frees kept blocks, largest classes first, while several times the peak is held.
    ///
    /// At most as many blocks of a class are kept as were live at once, but not all classes have
    /// their peak at the same time.
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
