extension Tensor {
  /// The sum, element by element.
  ///
  /// - Parameters:
  ///   - lhs: The first tensor, whose layout the result has.
  ///   - rhs: A tensor of the same shape.
  /// - Returns: A new tensor.
  public static func + (lhs: Tensor, rhs: Tensor) -> Tensor {
    zip(lhs, rhs, Sum()).recorded(from: lhs, rhs) { ($0, $0) }
  }

  /// The difference, element by element.
  ///
  /// - Parameters:
  ///   - lhs: The first tensor, whose layout the result has.
  ///   - rhs: A tensor of the same shape.
  /// - Returns: A new tensor.
  public static func - (lhs: Tensor, rhs: Tensor) -> Tensor {
    zip(lhs, rhs, Difference()).recorded(from: lhs, rhs) { ($0, -$0) }
  }

  /// The product, element by element.
  ///
  /// - Parameters:
  ///   - lhs: The first tensor, whose layout the result has.
  ///   - rhs: A tensor of the same shape.
  /// - Returns: A new tensor.
  public static func * (lhs: Tensor, rhs: Tensor) -> Tensor {
    zip(lhs, rhs, Product()).recorded(from: lhs, rhs) {
      ($0 * rhs.withGradient(nil), $0 * lhs.withGradient(nil))
    }
  }

  /// The quotient, element by element.
  ///
  /// - Parameters:
  ///   - lhs: The first tensor, whose layout the result has.
  ///   - rhs: A tensor of the same shape.
  /// - Returns: A new tensor.
  public static func / (lhs: Tensor, rhs: Tensor) -> Tensor {
    zip(lhs, rhs, Quotient()).recorded(from: lhs, rhs) {
      let (first, second) = (lhs.withGradient(nil), rhs.withGradient(nil))
      let gradient = $0 / second
      return (gradient, -(gradient * first / second))
    }
  }

  /// Adds a number to every element.
  ///
  /// - Parameters:
  ///   - lhs: The tensor.
  ///   - rhs: The number.
  /// - Returns: A new tensor.
  public static func + (lhs: Tensor, rhs: Float) -> Tensor {
    lhs.map(BindRight(Sum(), rhs)).recorded(from: lhs) { $0 }
  }

  /// Subtracts a number from every element.
  ///
  /// - Parameters:
  ///   - lhs: The tensor.
  ///   - rhs: The number.
  /// - Returns: A new tensor.
  public static func - (lhs: Tensor, rhs: Float) -> Tensor {
    lhs.map(BindRight(Difference(), rhs)).recorded(from: lhs) { $0 }
  }

  /// Multiplies every element by a number.
  ///
  /// - Parameters:
  ///   - lhs: The tensor.
  ///   - rhs: The number.
  /// - Returns: A new tensor.
  public static func * (lhs: Tensor, rhs: Float) -> Tensor {
    lhs.map(BindRight(Product(), rhs)).recorded(from: lhs) { $0 * rhs }
  }

  /// Divides every element by a number.
  ///
  /// - Parameters:
  ///   - lhs: The tensor.
  ///   - rhs: The number.
  /// - Returns: A new tensor.
  public static func / (lhs: Tensor, rhs: Float) -> Tensor {
    lhs.map(BindRight(Quotient(), rhs)).recorded(from: lhs) { $0 / rhs }
  }

  /// Adds a number to every element.
  ///
  /// - Parameters:
  ///   - lhs: The number.
  ///   - rhs: The tensor.
  /// - Returns: A new tensor.
  public static func + (lhs: Float, rhs: Tensor) -> Tensor { rhs + lhs }

  /// Subtracts every element from a number.
  ///
  /// - Parameters:
  ///   - lhs: The number.
  ///   - rhs: The tensor.
  /// - Returns: A new tensor.
  public static func - (lhs: Float, rhs: Tensor) -> Tensor {
    rhs.map(BindLeft(Difference(), lhs)).recorded(from: rhs) { -$0 }
  }

  /// Multiplies every element by a number.
  ///
  /// - Parameters:
  ///   - lhs: The number.
  ///   - rhs: The tensor.
  /// - Returns: A new tensor.
  public static func * (lhs: Float, rhs: Tensor) -> Tensor { rhs * lhs }

  /// The negated tensor.
  ///
  /// - Parameter operand: The tensor.
  /// - Returns: A new tensor.
  public static prefix func - (operand: Tensor) -> Tensor {
    operand.map(Negation()).recorded(from: operand) { -$0 }
  }

  /// A weighted sum of two tensors, each product and the sum rounded to float32.
  ///
  /// - Parameters:
  ///   - a: The first tensor, whose layout the result has.
  ///   - x: Its factor.
  ///   - b: A tensor of the same shape.
  ///   - y: Its factor.
  /// - Returns: a·x + b·y.
  public static func multiplyAdd(_ a: Tensor, _ x: Float, _ b: Tensor, _ y: Float) -> Tensor {
    zip(a, b, WeightedSum(x: x, y: y)).recorded(from: a, b) { ($0 * x, $0 * y) }
  }

  /// A weighted sum of any number of tensors in one pass.
  ///
  /// Every product and every partial sum is rounded to float32 from left to right, as a chain of
  /// separate float32 operations would.
  ///
  /// - Parameter terms: At least one factor with its tensor, all of one shape.
  /// - Returns: The sum, in the first tensor's layout.
  public static func linearCombination(_ terms: [(Float, Tensor)]) -> Tensor {
    guard let first = terms.first else { preconditionFailure("a sum needs a term") }
    let model = first.1
    let parts = terms.map { term in
      precondition(
        term.1.shape == model.shape, "shapes differ: \(model.shape) and \(term.1.shape)")
      return (term.0, term.1.inLayout(model.layout))
    }
    if parts.count == 2 {
      return multiplyAdd(parts[0].1, parts[0].0, parts[1].1, parts[1].0)
    }
    let factors = terms.map(\.0)
    return Tensor(shape: model.shape, layout: model.layout) { destination in
      Parallel.run(count: model.count, grain: elementwiseGrain) { range in
        // The runs are short, so that the partial sums stay in the first-level cache.
        for start in stride(from: range.lowerBound, to: range.upperBound, by: 2048) {
          accumulate(parts, start..<min(range.upperBound, start + 2048), into: destination)
        }
      }
      withExtendedLifetime(parts) {}
    }.attached(to: terms.map(\.1.gradient)) { gradients, _ in
      factors.map { factor in gradients[0].map { $0 * factor } }
    }
  }

  /// Limits every element to a range; NaN stays NaN.
  ///
  /// - Parameter range: The lowest and highest value allowed.
  /// - Returns: A new tensor.
  public func clamped(to range: ClosedRange<Float>) -> Tensor {
    refuseGradient("clamping")
    return map(Limiting(low: range.lowerBound, high: range.upperBound))
  }

  /// Adds one number per sample and channel, such as a time embedding.
  ///
  /// - Parameter v: [B, C], for a feature map [B, C, H, W].
  /// - Returns: A feature map in the same layout.
  public func adding(perSampleChannel v: Tensor) -> Tensor {
    let size = featureMapSize
    precondition(
      v.shape == [size.batch, size.channels], "cannot add \(v.shape) to channels of \(shape)")
    let pixels = size.height * size.width
    let source = base
    let added = v.base
    refuseGradient("adding per channel")
    v.refuseGradient("adding per channel")
    return withTensors(self, v) {
      Tensor(shape: shape, layout: layout) { destination in
        if layout == .contiguous {
          Parallel.run(count: size.batch * size.channels, grain: max(1, (1 << 15) / (pixels + 1))) {
            for plane in $0 {
              let value = added[plane]
              let start = plane * pixels
              for index in start..<start + pixels { destination[index] = source[index] + value }
            }
          }
        } else {
          Parallel.run(count: size.batch * pixels, grain: max(1, (1 << 15) / size.channels)) {
            for pixel in $0 {
              let values = added + pixel / pixels * size.channels
              let start = pixel * size.channels
              for channel in 0..<size.channels {
                destination[start &+ channel] = source[start &+ channel] + values[channel]
              }
            }
          }
        }
      }
    }
  }
}

/// Writes a weighted sum over a run of elements, term by term.
private func accumulate(
  _ terms: [(Float, Tensor)], _ range: Range<Int>, into destination: UnsafeMutablePointer<Float>
) {
  let sum = destination + range.lowerBound
  for (position, (factor, tensor)) in terms.enumerated() {
    let source = tensor.base + range.lowerBound
    if position == 0 {
      for index in 0..<range.count { sum[index] = factor * source[index] }
    } else {
      for index in 0..<range.count { sum[index] += factor * source[index] }
    }
  }
}
