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

  /// The bound of one model or block against diffusers on the same weights in float32.
  public static let model = Tolerance(maxError: 2e-4, nmse: 1e-9)
  /// The bound of one operator against its plain reference.
  public static let op = Tolerance(maxError: 2e-5, nmse: 1e-10)
  /// Bit for bit.
  public static let exact = Tolerance(maxError: 0, nmse: 0)

  /// The two bounds.
  public var description: String { "max error \(maxError), NMSE \(nmse)" }
}
