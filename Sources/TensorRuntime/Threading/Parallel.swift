/// Loops over all cores whose results do not depend on the number of threads.
///
/// A loop is cut into blocks of `grain` items; the block borders depend on nothing else. Threads take
/// blocks as they become free, so a body that computes the same bits for the same block computes the
/// same bits with any number of threads.
public enum Parallel {
  /// The number of threads that share a loop; at first the number of processors this process may use.
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
    precondition(grain >= 1, "a block needs an item, got grain \(grain)")
    guard count > 0 else { return }
    let blocks = (count - 1) / grain + 1
    if blocks == 1 {
      body(0..<count)
      return
    }
    let pool = WorkerPool.shared
    let shared = pool.run(blocks: blocks) { block in
      body(block * grain..<min(count, (block + 1) * grain))
    }
    if shared { return }
    for block in 0..<blocks { body(block * grain..<min(count, (block + 1) * grain)) }
  }
}
