import TensorRuntime

/// An image prompt in one cross-attention layer: keys and values that the text's queries also
/// attend to, in an attention of their own (IP-Adapter's decoupled cross-attention).
struct ImageAttention: Sendable {
  let source: KeyValue
  let scale: Float
  /// Where in the picture the image counts; nil counts everywhere.
  let mask: ImageMask?

  /// The weighted attention of `query` [B, L, heads * d] to the image.
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

/// A mask over the picture, brought to the token grid of an attention layer as diffusers does it.
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

  /// The grid is guessed from the number of tokens and the mask's aspect; where the guess has
  /// fewer cells than tokens the rest is zero, where it has more the last are dropped.
  func perToken(_ tokens: Int) -> [Float] {
    let ratio = Double(width) / Double(height)
    var rows = max(1, Int((Double(tokens) / ratio).squareRoot()))
    rows += tokens % rows == 0 ? 0 : 1
    let columns = max(1, tokens / rows)
    let grid = bicubic(rows: rows, columns: columns)
    let missing = max(0, tokens - grid.count)
    return Array(grid.prefix(tokens)) + Array(repeating: 0, count: missing)
  }

  /// torch's bicubic interpolation without antialiasing (a = -0.75, half-pixel centres).
  private func bicubic(rows: Int, columns: Int) -> [Float] {
    let vertical = (0..<rows).map { Taps(target: $0, of: rows, from: height) }
    let horizontal = (0..<columns).map { Taps(target: $0, of: columns, from: width) }
    return vertical.flatMap { v in
      horizontal.map { h in
        var sum: Float = 0
        for (y, wy) in zip(v.indices, v.weights) {
          var line: Float = 0
          for (x, wx) in zip(h.indices, h.weights) { line += wx * values[y * width + x] }
          sum += wy * line
        }
        return sum
      }
    }
  }
}

/// The four source positions of one target position, and their weights.
private struct Taps {
  let indices: [Int]
  let weights: [Float]

  init(target: Int, of targets: Int, from sources: Int) {
    let scale = Float(sources) / Float(targets)
    let position = scale * (Float(target) + 0.5) - 0.5
    let base = Int(position.rounded(.down))
    let t = position - Float(base)
    weights = [Self.outer(t + 1), Self.inner(t), Self.inner(1 - t), Self.outer(2 - t)]
    indices = (-1...2).map { min(max(base + $0, 0), sources - 1) }
  }

  private static let a: Float = -0.75

  private static func inner(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }

  private static func outer(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
}
