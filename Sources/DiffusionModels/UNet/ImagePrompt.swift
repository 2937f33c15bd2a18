import TensorRuntime

/// An image prompt: the tokens of an IP-Adapter, and its projections.
public struct ImagePrompt: Sendable {
  /// Key and value projections per cross-attention layer, in the order down, up, middle.
  public var projections: [(key: Linear, value: Linear)]
  /// Projected image tokens [B, n, D]; several images without masks share one attention.
  public var tokens: [Tensor]
  /// One weight per cross-attention layer; a layer of weight 0 is skipped.
  public var scales: [Float]
  /// Where each image counts, [1, 1, H, W]; empty for everywhere.
  public var masks: [Tensor]

  /// Makes an image prompt.
  ///
  /// - Parameters:
  ///   - projections: One pair per cross-attention layer.
  ///   - tokens: [B, n, D] per image.
  ///   - scales: One weight per cross-attention layer.
  ///   - masks: As many as images, or none.
  public init(
    projections: [(key: Linear, value: Linear)], tokens: [Tensor], scales: [Float],
    masks: [Tensor] = []
  ) {
    precondition(scales.count == projections.count, "one scale per layer")
    precondition(masks.isEmpty || masks.count == tokens.count, "one mask per image")
    self.projections = projections
    self.tokens = tokens
    self.scales = scales
    self.masks = masks
  }

  /// The attentions of one layer.
  func attentions(layer: Int) -> [ImageAttention] {
    let scale = scales[layer]
    if scale == 0 || tokens.isEmpty { return [] }
    let (key, value) = projections[layer]
    func attention(_ tokens: Tensor, _ mask: Tensor?) -> ImageAttention {
      ImageAttention(
        source: KeyValue(key: key(tokens), value: value(tokens)), scale: scale,
        mask: mask.map { ImageMask($0) })
    }
    if masks.isEmpty { return [attention(Tensor.concatenate(tokens, axis: 1), nil)] }
    return zip(tokens, masks).map { attention($0, $1) }
  }
}
