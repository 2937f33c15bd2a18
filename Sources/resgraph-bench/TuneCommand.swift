import ArgumentParser
import TensorRuntime

/// Measures the speeds by which convolutions choose their algorithm, and stores them.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Measures this machine's ways to convolve, for resgraph to choose by from now on.",
    discussion: """
      Takes a few seconds, on a machine that is otherwise idle. Choices stay the same for the same \
      stored speeds; other speeds may choose other algorithms, whose results differ in their last \
      digits.
      """)

  @Option(help: "Threads; the number of processors by default.") var threads: Int?
  @Option(help: "The file to write; the cache folder's by default.") var output: String?
  @Flag(help: "Only print the speeds.") var dryRun = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
  }

  func run() throws {
    prepareRuntime(threads: threads)
    let tuning = ConvolutionTuning.measured()
    for isa in ISA.ladder {
      guard let speeds = tuning.speeds[isa] else { continue }
      for algorithm in ConvolutionTuning.Algorithm.allCases {
        guard let speed = speeds[algorithm] else { continue }
        print(
          "\(isa.rawValue) \(algorithm.rawValue): "
            + "\(BenchReport.format(speed.operations / 1e9)) GFLOP/s in products, "
            + "\(BenchReport.format(speed.transforms / 1e9)) billion values/s in transforms")
      }
    }
    if dryRun { return }
    guard !tuning.speeds.isEmpty else {
      throw ValidationError("this instruction set has no ways to choose from")
    }
    guard let path = output ?? ConvolutionTuning.defaultPath else {
      throw ValidationError("no cache folder: set RESGRAPH_CACHE, or give --output")
    }
    try tuning.save(to: path)
    print(path)
  }
}
