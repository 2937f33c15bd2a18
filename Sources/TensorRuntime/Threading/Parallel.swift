/// Loops over all cores whose results do not depend on the number of threads.
///
/// A loop is cut into blocks of `grain` items, and their borders depend on nothing else. Each
/// thread takes the next block when it is free. So a body whose result for a block depends on that
/// block alone computes the same bits with any number of threads.
public enum Parallel {
  /// The number of threads that share a loop; at first the number of processors this process may
  /// use.
  public static var threadCount: Int {
    get { WorkerPool.shared.threadCount }
    set {
      precondition(newValue >= 1, "a loop needs a thread, got \(newValue)")
      WorkerPool.shared.threadCount = newValue
    }
  }

  /// Runs `body` over all blocks of `0..<count` and returns when all are done.
  ///
  /// Inside a running loop, or while another thread's loop occupies the workers, the blocks run one
  /// after the other on the calling thread.
  ///
  /// - Parameters:
  ///   - count: The number of items.
  ///   - grain: Items per block, at least 1; the last block may be smaller.
  ///   - body: Called once for each block, from any thread.
  public static func run(count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    run(count: count, grain: grain, threads: threadCount) { range, _ in body(range) }
  }

  /// Runs `body` over all blocks of `0..<count`, lending each thread working memory of its own.
  ///
  /// The memory of all threads is taken at once before the loop begins, so that a loop asks the
  /// pool for the same sizes however many threads join it.
  ///
  /// - Parameters:
  ///   - count: The number of items.
  ///   - grain: Items per block, at least 1; the last block may be smaller.
  ///   - scratch: The floats that each thread needs.
  ///   - body: Called once for each block, from any thread, with 64-byte aligned memory of
  ///     undefined contents that no other thread uses during the call.
  static func run(
    count: Int, grain: Int, scratch: Int,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    guard count > 0 else { return }
    // Each thread's share is whole cache lines, with an unused line behind it, so that threads do
    // not write to the same line.
    let share = (scratch + 15) / 16 * 16 + 16
    let seats = min(threadCount, (count - 1) / grain + 1)
    Scratch.floats(share * seats) { memory in
      run(count: count, grain: grain, threads: seats) { range, seat in
        body(range, memory + seat * share)
      }
    }
  }

  private static func run(
    count: Int, grain: Int, threads: Int, _ body: (Range<Int>, _ seat: Int) -> Void
  ) {
    precondition(grain >= 1, "a block needs an item, got grain \(grain)")
    guard count > 0 else { return }
    let blocks = (count - 1) / grain + 1
    if blocks == 1 {
      body(0..<count, 0)
      return
    }
    func range(_ block: Int) -> Range<Int> { block * grain..<min(count, (block + 1) * grain) }
    let isShared = WorkerPool.shared.run(blocks: blocks, threads: threads) { block, seat in
      body(range(block), seat)
    }
    if isShared { return }
    for block in 0..<blocks { body(range(block), 0) }
  }
}
