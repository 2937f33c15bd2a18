import ArgumentParser
import ResgraphWeights
import TensorRuntime

/// Times the UNet over picture sizes, beside its arithmetic.
struct CurveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "curve",
    abstract: "Times the UNet of a checkpoint over picture sizes, beside its arithmetic.",
    discussion: """
      Time that grows no faster than the arithmetic shows as GFLOP/s that do not fall with the size.
      """)

  @Option(help: "A diffusers folder or a single checkpoint file.") var checkpoint: String
  @Option(help: "Sides of square pictures in pixels, multiples of 64.", transform: Self.sides)
  var sizes = [256, 384, 512, 768, 1024]
  @Option(help: "Texts; with guidance, two.") var batch = 2
  @OptionGroup var options: BenchOptions

  private static func sides(_ text: String) throws -> [Int] {
    try text.split(separator: ",").map { word in
      guard let side = Int(word), side > 0, side % 64 == 0 else {
        throw ValidationError("\(word) is not a positive multiple of 64")
      }
      return side
    }
  }

  func run() throws {
    options.apply()
    var report = BenchReport()
    let unet = try UNetBenchmark(.open(path: checkpoint))
    for side in sizes {
      let step = unet.step(side: side, batch: batch)
      // Packs the weights, warms the pool and counts the arithmetic.
      OpProfile.start()
      _ = step()
      let operations = OpProfile.stop().reduce(0) { $0 + $1.operations }
      report.add(
        "unet \(side)x\(side) batch \(batch)",
        times: (0..<options.repeat).map { _ in seconds { _ = step() } }, operations: operations)
    }
    report.peakPoolBytes = MemoryPool.peakBytes
    report.peakResidentBytes = BenchReport.peakResident()
    try report.print(asJSON: options.json)
  }
}
