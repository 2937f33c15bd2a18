/// A trainable change of a layer's weights: the product of a narrow layer and one that widens again.
public struct LowRankAdapter: Sendable {
  /// [r, I], or [r, I, kh, kw] for a convolution.
  public let down: Parameter
  /// [O, r], or [O, r, 1, 1] for a convolution.
  public let up: Parameter
  /// What the product is multiplied by: alpha / r.
  public let scale: Float

  /// Joins two parameters.
  ///
  /// - Parameters:
  ///   - down: [r, I], or [r, I, kh, kw] for a convolution.
  ///   - up: [O, r], or [O, r, 1, 1] for a convolution.
  ///   - scale: What the product is multiplied by.
  public init(down: Parameter, up: Parameter, scale: Float) {
    self.down = down
    self.up = up
    self.scale = scale
  }
}
