import TensorRuntime

/// An image prompt in one cross-attention layer, with IP-Adapter's decoupled attention: the queries
/// attend to the image's keys and values separately from the text's.
struct ImageAttention: Sendable {
  let source: KeyValue
  let scale: Float
  /// The part of the picture in which the image counts; nil for all of it.
  let mask: ImageMask?

  /// Computes the weighted attention of `query` [B, L, heads * d] to the image.
  func callAsFunction(_ query: Tensor, heads: Int) -> Tensor {
    let source = source.repeated(toBatch: query.shape[0])
    let mixed = scaledDotProductAttention(
      query: query, key: source.key, value: source.value, heads: heads)
    guard let mask else { return mixed * scale }
    return mixed
      * mask.weights(batch: query.shape[0], tokens: query.shape[1], width: query.shape[2])
      * scale
  }
}

/// A mask over the picture, which is resized to the token grid of an attention layer as in
/// diffusers.
struct ImageMask: Sendable {
  let height: Int
  let width: Int
  /// height * width values, usually 0 or 1.
  let values: [Float]

  /// Reads a mask.
  ///
  /// - Parameter mask: [1, 1, H, W].
  init(_ mask: Tensor) {
    precondition(
      mask.shape.count == 4 && mask.shape[0] == 1 && mask.shape[1] == 1, "mask \(mask.shape)")
    (height, width, values) = (mask.shape[2], mask.shape[3], mask.floats())
  }

  /// One weight per token, repeated over batch and width: [batch, tokens, width].
  func weights(batch: Int, tokens: Int, width channels: Int) -> Tensor {
    let weights = perToken(tokens)
    var all: [Float] = []
    all.reserveCapacity(batch * tokens * channels)
    for _ in 0..<batch {
      for weight in weights { all.append(contentsOf: repeatElement(weight, count: channels)) }
    }
    return Tensor(all, shape: [batch, tokens, channels])
  }

  /// The mask as one weight per token.
  ///
  /// The grid is estimated from the number of tokens and the mask's aspect. Tokens beyond the cells
  /// of the estimate have the weight zero; cells beyond the tokens are dropped.
  func perToken(_ tokens: Int) -> [Float] {
    let ratio = Double(width) / Double(height)
    var rows = max(1, Int((Double(tokens) / ratio).squareRoot()))
    rows += tokens % rows == 0 ? 0 : 1
    let columns = max(1, tokens / rows)
    let mask = Tensor(values, shape: [1, 1, height, width])
    let grid = interpolated(mask, height: rows, width: columns, method: .bicubic).floats()
    let missing = max(0, tokens - grid.count)
    return Array(grid.prefix(tokens)) + Array(repeating: 0, count: missing)
  }
}
