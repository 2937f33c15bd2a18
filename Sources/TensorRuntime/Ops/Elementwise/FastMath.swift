/// Elementary functions without branches or calls, so that compilers can vectorise loops over them.
///
/// Errors are a few units in the last place. NaN stays NaN; the exponential overflows to infinity.
enum FastMath {
  /// e^x.
  ///
  /// x is split into n·ln 2 + r with |r| <= ln 2 / 2; e^r is a Taylor polynomial of degree 7, and
  /// 2^n is built from two halves so that results reach to infinity. Subnormal results become zero,
  /// because processors are a hundred times slower with subnormal numbers.
  @inline(__always)
  static func exp(_ x: Float) -> Float {
    let limited = x > 89 ? 89 : (x < -87.3 ? -87.3 : x)
    let shifted = limited * 1.442_695_04 + 12_582_912
    let n = shifted - 12_582_912
    let r = (limited - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p: Float = 1.984_126_98e-4
    p = p * r + 1.388_888_89e-3
    p = p * r + 8.333_333_33e-3
    p = p * r + 4.166_666_67e-2
    p = p * r + 1.666_666_67e-1
    p = p * r + 0.5
    p = p * r * r + r + 1
    let exponent = Int32(bitPattern: shifted.bitPattern &- 0x4b40_0000)
    let half = exponent &>> 1
    let first = Float(bitPattern: UInt32(bitPattern: (half &+ 127) &<< 23))
    let second = Float(bitPattern: UInt32(bitPattern: (exponent &- half &+ 127) &<< 23))
    return x < -87.3 ? 0 : p * first * second
  }

  @inline(__always)
  static func silu(_ x: Float) -> Float { x / (1 + exp(-x)) }

  @inline(__always)
  static func quickGELU(_ x: Float) -> Float { x / (1 + exp(-1.702 * x)) }

  @inline(__always)
  static func relu(_ x: Float) -> Float { x < 0 ? 0 : x }

  /// The derivative of x · sigmoid(factor · x).
  @inline(__always)
  static func sigmoidalDerivative(_ x: Float, _ factor: Float) -> Float {
    let sigmoid = 1 / (1 + exp(-factor * x))
    return sigmoid * (1 + factor * x * (1 - sigmoid))
  }

  /// The derivative of the GELU: the cumulative function, and x times the density.
  @inline(__always)
  static func geluDerivative(_ x: Float) -> Float {
    cumulative(x) + x * 0.398_942_28 * exp(-0.5 * x * x)
  }

  /// x times the normal distribution's cumulative function.
  @inline(__always)
  static func gelu(_ x: Float) -> Float { x * cumulative(x) }

  /// The normal distribution's cumulative function.
  ///
  /// erfc(z) = t·P(t)·e^(-z²) with t = 1/(1 + z/2): the Chebyshev fit that Numerical Recipes gives
  /// keeps the relative error below 1.2e-7 over all z >= 0.
  @inline(__always)
  static func cumulative(_ x: Float) -> Float {
    let z = x.magnitude * 0.707_106_78
    let t = 1 / (1 + 0.5 * z)
    var p: Float = 0.170_872_77
    p = p * t - 0.822_152_23
    p = p * t + 1.488_515_87
    p = p * t - 1.135_203_98
    p = p * t + 0.278_868_07
    p = p * t - 0.186_288_06
    p = p * t + 0.096_784_18
    p = p * t + 0.374_091_96
    p = p * t + 1.000_023_68
    p = p * t - 1.265_512_23
    let tail = 0.5 * t * exp(p - z * z)
    return x >= 0 ? 1 - tail : tail
  }
}
