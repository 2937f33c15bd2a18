import TensorRuntime

/// The two generators of ElasticDiffusion's own code: torch's and numpy's.
///
/// After torch's generator has drawn something that must be equal at every call, it is seeded again
/// from numpy's.
struct ElasticRandom: Sendable {
  var torch: TorchGenerator
  /// The generator with the same engine as numpy's legacy generator.
  var numpy: TorchGenerator

  init(seed: UInt64) {
    torch = TorchGenerator(seed: seed)
    numpy = TorchGenerator(seed: seed)
  }

  /// Seeds torch's generator with numpy's next number below 100 000.
  mutating func reseed() {
    torch = TorchGenerator(seed: UInt64(drawNumpy(below: 100_000)))
  }

  /// Draws as `numpy.random.randint(limit)` does: it takes as few bits as can hold the numbers, and
  /// draws again while the result is too large.
  mutating func drawNumpy(below limit: UInt32) -> UInt32 {
    let mask = UInt32.max >> UInt32((limit - 1).leadingZeroBitCount)
    while true {
      let word = numpy.randomUInt32() & mask
      if word < limit { return word }
    }
  }
}
