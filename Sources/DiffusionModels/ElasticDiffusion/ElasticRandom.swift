import TensorRuntime

/// The two generators of ElasticDiffusion's own code: torch's, and numpy's, from which the first is seeded again
/// whenever it has drawn something that must be equal at every call.
struct ElasticRandom: Sendable {
  var torch: TorchGenerator
  /// The same engine as numpy's legacy generator.
  var numpy: TorchGenerator

  init(seed: UInt64) {
    torch = TorchGenerator(seed: seed)
    numpy = TorchGenerator(seed: seed)
  }

  /// Seeds torch's generator with numpy's next number below 100 000.
  mutating func reseed() {
    torch = TorchGenerator(seed: UInt64(drawNumpy(below: 100_000)))
  }

  /// `numpy.random.randint(limit)`: the fewest bits that can hold the numbers, drawn again while too large.
  mutating func drawNumpy(below limit: UInt32) -> UInt32 {
    let mask = UInt32.max >> UInt32((limit - 1).leadingZeroBitCount)
    while true {
      let word = numpy.randomUInt32() & mask
      if word < limit { return word }
    }
  }
}
