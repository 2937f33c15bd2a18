import ArgumentParser
import ResgraphWeights
import TensorRuntime

/// Times the UNet with one thread, two, and so on.
struct ThreadsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "threads",
    abstract: "Times the UNet of a checkpoint with 1, 2, 4, … threads, in turn.",
    discussion: """
      --threads is the most that is tried. Every round runs each count once, so that their ratio \
      holds on a machine that others share; the ratio reported is the median of the rounds'.
      """)

  @Option(help: "A diffusers folder or a single checkpoint file.") var checkpoint: String
  @Option(help: "Side of the square picture in pixels.") var size = 512
  @Option(help: "Texts; with guidance, two.") var batch = 2
  @OptionGroup var options: BenchOptions

  func validate() throws {
    if size < 64 || size % 64 != 0 {
      throw ValidationError("--size must be a positive multiple of 64")
    }
  }

  func run() throws {
    options.apply()
    var report = BenchReport()
    let most = Parallel.threadCount
    let counts = Array(sequence(first: 1) { $0 < most ? min(2 * $0, most) : nil })
    let step = try UNetBenchmark(.open(path: checkpoint)).step(side: size, batch: batch)
    OpProfile.start()
    _ = step()
    let operations = OpProfile.stop().reduce(0) { $0 + $1.operations }
    var times = [[Double]](repeating: [], count: counts.count)
    for _ in 0..<options.repeat {
      for (index, count) in counts.enumerated() {
        Parallel.threadCount = count
        times[index].append(seconds { _ = step() })
      }
    }
    for (index, count) in counts.enumerated() {
      report.add(
        "unet \(size)x\(size) batch \(batch), \(count) threads", times: times[index],
        operations: operations)
      let ratios = zip(times[0], times[index]).map { $0 / $1 }
      report.entries[index].speedup = median(ratios)
    }
    try report.print(asJSON: options.json)
  }
}
