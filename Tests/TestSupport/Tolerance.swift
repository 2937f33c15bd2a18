/// How far a computed tensor may be from its reference.
///
/// Both bounds are relative to the reference, so that they mean the same for activations of any
/// magnitude: the first catches a single wrong value, the second a small error everywhere.
public struct Tolerance: Sendable, CustomStringConvertible {
  /// The largest absolute error, as a share of the reference's largest magnitude.
  public var maxError: Double
  /// The normalised mean squared error: Σ(actual − expected)² / Σ expected².
  public var nmse: Double

  /// Makes a tolerance from its two bounds.
  public init(maxError: Double, nmse: Double) {
    self.maxError = maxError
    self.nmse = nmse
  }

  /// Makes a tolerance whose root of the mean squared error is bounded like the largest error.
  ///
  /// - Parameter relative: The largest absolute error, as a share of the largest magnitude.
  public init(relative: Double) { self.init(maxError: relative, nmse: relative * relative) }

  /// The bound of one model or block against diffusers on the same weights in float32.
  public static let model = Tolerance(maxError: 2e-4, nmse: 1e-9)
  /// The bound of one operator, or of one model that computes the same with other batches.
  public static let op = Tolerance(maxError: 2e-5, nmse: 1e-10)
  /// The bound of one operator that adds the same float32 numbers in another order.
  public static let reordered = Tolerance(maxError: 1e-5, nmse: 5e-12)
  /// The bound of a convolution through Winograd's transforms, which lose up to a digit.
  public static let transformed = Tolerance(maxError: 1e-4, nmse: 1e-9)

  /// The two bounds.
  public var description: String { "max error \(maxError), NMSE \(nmse)" }
}
