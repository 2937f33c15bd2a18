import TensorRuntime

/// What separates a computed tensor from its reference.
public struct Difference: Sendable, CustomStringConvertible {
  /// The shapes, when they differ; nothing else is measured then.
  public let shapes: (actual: [Int], expected: [Int])?
  /// How many computed values are NaN or infinite where the reference is not.
  public let nonFinite: Int
  /// The largest absolute error, as a share of the reference's largest magnitude.
  public let maxError: Double
  /// The normalised mean squared error.
  public let nmse: Double
  /// Index of the largest error, one number per dimension.
  public let worstIndex: [Int]
  /// The two values at `worstIndex`.
  public let worst: (actual: Float, expected: Float)

  /// Measures `actual` against `expected`.
  public init(_ actual: Tensor, from expected: Tensor) {
    self.init(actual.floats(), from: expected.floats(), shapes: (actual.shape, expected.shape))
  }

  /// Measures lists of numbers.
  ///
  /// - Parameters:
  ///   - actual: The computed values, row-major.
  ///   - expected: The reference, row-major.
  ///   - shapes: Shapes of the two.
  public init(_ actual: [Float], from expected: [Float], shapes: (actual: [Int], expected: [Int])) {
    guard shapes.actual == shapes.expected, actual.count == expected.count else {
      self.init(shapes: shapes)
      return
    }
    var sums = Sums()
    for index in actual.indices { sums.add(actual[index], expected[index], at: index) }
    self.init(sums, actual: actual, expected: expected, shape: shapes.expected)
  }

  private init(shapes: (actual: [Int], expected: [Int])) {
    self.shapes = shapes
    (nonFinite, maxError, nmse) = (0, .infinity, .infinity)
    (worstIndex, worst) = ([], (.nan, .nan))
  }

  private init(_ sums: Sums, actual: [Float], expected: [Float], shape: [Int]) {
    shapes = nil
    nonFinite = sums.nonFinite
    // Against a reference of zeros only zeros are right; any error is infinite then.
    func relative(_ error: Double, to scale: Double) -> Double { error == 0 ? 0 : error / scale }
    maxError = relative(sums.maxError, to: sums.largest)
    nmse = relative(sums.squaredError, to: sums.squares)
    worstIndex = actual.isEmpty ? [] : Self.index(of: sums.worst, in: shape)
    worst = actual.isEmpty ? (0, 0) : (actual[sums.worst], expected[sums.worst])
  }

  /// Whether both bounds hold and nothing became NaN or infinite.
  public func isWithin(_ tolerance: Tolerance) -> Bool {
    shapes == nil && nonFinite == 0 && maxError <= tolerance.maxError && nmse <= tolerance.nmse
  }

  /// One line with both errors and the worst place.
  public var description: String {
    if let shapes { return "shape \(shapes.actual), expected \(shapes.expected)" }
    let finite = nonFinite == 0 ? "" : "\(nonFinite) values not finite, "
    return finite + "max error \(maxError) of the largest, NMSE \(nmse), worst at \(worstIndex): "
      + "\(worst.actual), expected \(worst.expected)"
  }

  private static func index(of offset: Int, in shape: [Int]) -> [Int] {
    var rest = offset
    var index: [Int] = []
    for size in shape.reversed() {
      index.insert(rest % size, at: 0)
      rest /= size
    }
    return index
  }
}

/// The running sums of a comparison.
private struct Sums {
  var nonFinite = 0
  var worst = 0
  var maxError = 0.0
  var largest = 0.0
  var squaredError = 0.0
  var squares = 0.0

  mutating func add(_ actual: Float, _ expected: Float, at index: Int) {
    // Equal infinities and NaN in the same place are no error; their difference would be NaN.
    if !expected.isFinite && (actual == expected || actual.isNaN && expected.isNaN) { return }
    guard actual.isFinite else {
      if nonFinite == 0 { worst = index }
      nonFinite += 1
      return
    }
    let error = abs(Double(actual) - Double(expected))
    if error > maxError {
      maxError = error
      if nonFinite == 0 { worst = index }
    }
    largest = max(largest, abs(Double(expected)))
    squaredError += error * error
    squares += Double(expected) * Double(expected)
  }
}
