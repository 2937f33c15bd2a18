/// Reductions with eight independent partial sums, which are faster and more precise than one
/// chain.
enum VectorMath {
  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>, _ index: Int) -> SIMD8<Float> {
    UnsafeRawPointer(pointer + index).loadUnaligned(as: SIMD8<Float>.self)
  }

  @inline(__always)
  static func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var partial = SIMD8<Float>.zero
    var index = 0
    while index &+ 8 <= count {
      partial += load(x, index)
      index &+= 8
    }
    var total = partial.sum()
    while index < count {
      total += x[index]
      index &+= 1
    }
    return total
  }

  @inline(__always)
  static func sumOfSquares(_ x: UnsafePointer<Float>, minus mean: Float, _ count: Int) -> Float {
    var partial = SIMD8<Float>.zero
    let means = SIMD8<Float>(repeating: mean)
    var index = 0
    while index &+ 8 <= count {
      let deviation = load(x, index) - means
      partial += deviation * deviation
      index &+= 8
    }
    var total = partial.sum()
    while index < count {
      total += (x[index] - mean) * (x[index] - mean)
      index &+= 1
    }
    return total
  }

  /// The largest element that is not NaN; minus infinity when there is none.
  @inline(__always)
  static func maximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
    var lanes = SIMD8<Float>(repeating: -.infinity)
    var index = 0
    while index &+ 8 <= count {
      let next = load(x, index)
      lanes.replace(with: next, where: next .> lanes)
      index &+= 8
    }
    var largest = -Float.infinity
    for lane in 0..<8 where lanes[lane] > largest { largest = lanes[lane] }
    while index < count {
      if x[index] > largest { largest = x[index] }
      index &+= 1
    }
    return largest
  }

  /// Replaces x by e^(x - shift) and returns the sum of the results.
  @inline(__always)
  static func exponentiate(
    _ x: UnsafeMutablePointer<Float>, minus shift: Float, _ count: Int
  ) -> Float {
    for index in 0..<count { x[index] = FastMath.exp(x[index] - shift) }
    return sum(x, count)
  }
}
