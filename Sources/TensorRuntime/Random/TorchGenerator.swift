#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// torch's random numbers on a CPU: the same seed gives the same numbers as `torch.Generator`.
///
/// Words and uniform numbers are equal bit for bit. Normal numbers are computed from equal uniform
/// numbers and correctly rounded at every step, where torch's vector code is off by some units in
/// the last place.
public struct TorchGenerator: Sendable, Equatable {
  private(set) var engine: MersenneTwister
  /// The second number of the last pair drawn by the method for small tensors.
  private(set) var cachedNormal: Double?

  /// Starts as `torch.Generator().manual_seed(seed)` does.
  ///
  /// - Parameter seed: The seed, of which the engine takes the lower 32 bits.
  public init(seed: UInt64) {
    engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
  }

  init(engine: MersenneTwister, cachedNormal: Double?) {
    self.engine = engine
    self.cachedNormal = cachedNormal
  }

  /// The engine's next word.
  ///
  /// - Returns: 32 random bits.
  public mutating func randomUInt32() -> UInt32 { engine.next() }

  /// Two words, the first in the upper half.
  mutating func randomUInt64() -> UInt64 {
    let high = UInt64(engine.next())
    return high << 32 | UInt64(engine.next())
  }

  /// Draws as `torch.rand` does.
  ///
  /// - Parameter count: How many numbers.
  /// - Returns: Multiples of 2^-24 from 0 to below 1.
  public mutating func rand(_ count: Int) -> [Float] {
    (0..<count).map { _ in uniform() }
  }

  /// Draws as `torch.randint(0, high, …)` does.
  ///
  /// - Parameters:
  ///   - high: The number of different results, at least 1.
  ///   - count: How many numbers.
  /// - Returns: Numbers from 0 to below `high`.
  public mutating func randint(high: UInt32, count: Int) -> [Int] {
    precondition(high > 0, "there is no number below 0")
    // For such ranges torch uses 64 bits, because the remainders of 32 bits would be uneven.
    if high >= 1 << 28 { return (0..<count).map { _ in Int(randomUInt64() % UInt64(high)) } }
    return (0..<count).map { _ in Int(engine.next() % high) }
  }

  /// Draws a tensor of standard normal numbers as `torch.randn` does for float32.
  ///
  /// - Parameter shape: The dimensions; the whole tensor is drawn at once.
  /// - Returns: A contiguous tensor.
  public mutating func randn(_ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape) { numbers in
      if count < Self.block {
        for index in 0..<count { numbers[index] = Float(smallNormal()) }
      } else {
        fillNormal(numbers, count)
      }
    }
  }

  private static let block = 16

  private mutating func uniform() -> Float {
    Float(engine.next() & 0xff_ffff) * 0x1p-24
  }

  /// One number of a Box-Muller pair in double precision; the other is kept for the next call.
  private mutating func smallNormal() -> Double {
    if let cached = cachedNormal {
      cachedNormal = nil
      return cached
    }
    let mask: UInt64 = 1 << 53 - 1
    let first = Double(randomUInt64() & mask) * 0x1p-53
    let second = Double(randomUInt64() & mask) * 0x1p-53
    let radius = (-2 * log1p(-second)).squareRoot()
    let angle = 2 * Double.pi * first
    cachedNormal = radius * sin(angle)
    return radius * cos(angle)
  }

  /// Draws uniform numbers first, then applies Box-Muller to blocks of 16.
  ///
  /// The last 16 numbers are drawn again where the count is not a multiple of 16.
  private mutating func fillNormal(_ numbers: UnsafeMutablePointer<Float>, _ count: Int) {
    for index in 0..<count { numbers[index] = uniform() }
    let whole = count / Self.block * Self.block
    for start in stride(from: 0, to: whole, by: Self.block) { Self.boxMuller(numbers + start) }
    if whole < count {
      let last = numbers + (count - Self.block)
      for index in 0..<Self.block { last[index] = uniform() }
      Self.boxMuller(last)
    }
  }

  private static func boxMuller(_ numbers: UnsafeMutablePointer<Float>) {
    let half = block / 2
    for index in 0..<half {
      let logarithm = Float(log(Double(1 - numbers[index])))
      let radius = (-2 * logarithm).squareRoot()
      let angle = Double(Float(2 * Double.pi) * numbers[index + half])
      numbers[index] = radius * Float(cos(angle))
      numbers[index + half] = radius * Float(sin(angle))
    }
  }
}
