import CKernels
import ResgraphFiles

extension RuntimeInfo {
  /// Measures how fast this machine can multiply and add at this moment.
  ///
  /// No op can be faster.
  ///
  /// - Returns: Floating-point operations per second over all threads, in the instruction set in
  ///   use.
  public static func measurePeak() -> Double {
    let kernels = KernelSet.compiled.first { isa.allows($0.isa) } ?? .portable
    let table = kernels.table
    let rounds = 4_000_000
    let blocks = 4 * Parallel.threadCount
    let clock = ContinuousClock()
    var best = 0.0
    for _ in 0..<3 {
      let start = clock.now
      Parallel.run(count: blocks, grain: 1) { range in
        for _ in range { precondition(table.pointee.multiply_adds(rounds) > 0) }
      }
      let seconds = start.duration(to: clock.now).inSeconds
      best = max(best, Double(blocks * rounds * table.pointee.round_flops) / seconds)
    }
    return best
  }
}
