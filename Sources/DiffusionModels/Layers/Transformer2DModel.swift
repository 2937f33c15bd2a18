import ResgraphWeights
import TensorRuntime

/// Transformer blocks over the positions of a feature map, with a residual connection around them.
struct Transformer2DModel: Sendable {
  let blocks: [BasicTransformerBlock]
  private let norm: GroupNorm
  private let projectIn: Linear
  private let projectOut: Linear
  private let options: TransformerOptions
  /// The places of the blocks' contexts in the model's list.
  private let contextRange: Range<Int>

  /// Loads the blocks.
  ///
  /// - Parameters:
  ///   - weights: The scope of the transformer.
  ///   - depth: How many blocks.
  ///   - options: The options that the blocks share.
  ///   - contextCount: The number of contexts of earlier blocks; these blocks take the next ones.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, depth: Int, _ options: TransformerOptions, contextCount: inout Int
  ) throws {
    self.options = options
    contextRange = contextCount..<(contextCount + depth)
    contextCount += depth
    let channels = options.channels
    let convolutional = !options.linearProjection
    norm = try weights.groupNorm("norm", channels, groups: options.groups, eps: 1e-6)
    projectIn = try weights.pointwise("proj_in", channels, channels, asConvolution: convolutional)
    blocks = try (0..<depth).map {
      try BasicTransformerBlock(weights["transformer_blocks"][$0], options)
    }
    projectOut = try weights.pointwise("proj_out", channels, channels, asConvolution: convolutional)
  }

  /// Applies the blocks.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W].
  ///   - contexts: The contexts of the model, one per block; their batch is a multiple of B.
  ///   - merging: Which tokens self-attentions merge, if maps of this size are concerned.
  /// - Returns: [contexts' batch, C, H, W].
  func callAsFunction(
    _ x: Tensor, contexts: [BlockContext], merging: TokenMerging? = nil
  ) -> Tensor {
    let merging = merging?.applies(height: x.shape[2], width: x.shape[3]) == true ? merging : nil
    var hidden = projectIn(norm(x).tokens())
    for (block, context) in zip(blocks, contexts[contextRange]) {
      hidden = block(hidden, context: context, merging: merging)
    }
    let residual = x.tokens().repeated(toBatch: hidden.shape[0])
    return projectOut(hidden, residual: residual)
      .featureMap(height: x.shape[2], width: x.shape[3])
  }
}

extension Transformer2DModel: ModuleNode {
  var summary: String {
    "Transformer2DModel(\(options.channels), heads \(options.heads), context "
      + "\(options.contextWidth))"
  }
  var children: [ModuleChild] {
    [("norm", norm), ("proj_in", projectIn)] + indexed("transformer_blocks", blocks)
      + [("proj_out", projectOut)]
  }
}
