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

  /// What the adapter adds to the result of a convolution.
  func change(
    of layer: Conv2D, _ x: Tensor, upsampledTo size: (height: Int, width: Int)?
  ) -> Tensor {
    let narrow = Conv2D(
      weight: down, stride: layer.parameters.stride, padding: layer.parameters.padding)
    let wide = Conv2D(weight: up, stride: 1, padding: .none)
    return wide(narrow(x, upsampledTo: size)) * scale
  }

  /// What the adapter adds to the result of a linear layer.
  func change(_ x: Tensor) -> Tensor { Linear(weight: up)(Linear(weight: down)(x)) * scale }
}
