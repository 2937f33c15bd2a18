import ResgraphWeights
import TensorRuntime

/// The options that the transformers of one level share.
struct TransformerOptions: Sendable {
  var channels: Int
  var heads: Int
  /// Width of the text tokens.
  var contextWidth: Int
  var groups: Int
  /// Whether the first attention reads the text too.
  var onlyCrossAttention = false
  /// Whether the projections around the blocks are stored as linear layers instead of convolutions.
  var linearProjection = false
}

/// The keys and values of text and images for one transformer block, which are made once per run.
struct BlockContext: Sendable {
  /// Keys and values of the text for the second attention.
  let text: KeyValue
  /// Keys and values of the text for the first attention, where that is a cross-attention.
  let firstText: KeyValue?
  /// Image prompts of the second attention.
  let images: [ImageAttention]
}

/// Self-attention, cross-attention and a gated feed-forward network, each with a layer
/// normalisation before it and a residual connection around it.
struct BasicTransformerBlock: Sendable {
  private let norm1: LayerNorm
  private let attention1: Attention
  private let norm2: LayerNorm
  private let attention2: Attention
  private let norm3: LayerNorm
  private let feedForward: FeedForward
  private let onlyCrossAttention: Bool

  init(_ weights: WeightScope, _ options: TransformerOptions) throws {
    let width = options.channels
    onlyCrossAttention = options.onlyCrossAttention
    norm1 = try weights.layerNorm("norm1", width)
    attention1 = try Attention(
      weights["attn1"], width: width,
      contextWidth: onlyCrossAttention ? options.contextWidth : width, heads: options.heads)
    norm2 = try weights.layerNorm("norm2", width)
    attention2 = try Attention(
      weights["attn2"], width: width, contextWidth: options.contextWidth, heads: options.heads)
    norm3 = try weights.layerNorm("norm3", width)
    feedForward = try FeedForward(weights["ff"], width: width)
  }

  /// Computes the keys and values of a text [B, L, contextWidth] for the attentions.
  func context(text: Tensor, images: [ImageAttention] = []) -> BlockContext {
    BlockContext(
      text: attention2.keyValue(text),
      firstText: onlyCrossAttention ? attention1.keyValue(text) : nil, images: images)
  }

  /// Applies the block.
  ///
  /// - Parameters:
  ///   - x: [B, tokens, width].
  ///   - context: The text and images; the batch is a multiple of B.
  ///   - merging: Which tokens the first attention merges; nil for none.
  /// - Returns: [context's batch, tokens, width].
  func callAsFunction(
    _ x: Tensor, context: BlockContext, merging: TokenMerging? = nil
  ) -> Tensor {
    let batch = context.text.key.shape[0]
    // Layers before the first one that reads the text have the same result for every text.
    var hidden = onlyCrossAttention ? x.repeated(toBatch: batch) : x
    hidden = firstAttention(hidden, context, merging).repeated(toBatch: batch)
    hidden = attention2(
      norm2(hidden), source: context.text, images: context.images, residual: hidden)
    return feedForward(norm3(hidden), residual: hidden)
  }

  /// Applies the first attention with its residual connection, on merged tokens where that is asked
  /// for.
  private func firstAttention(
    _ x: Tensor, _ context: BlockContext, _ merging: TokenMerging?
  ) -> Tensor {
    let normal = norm1(x)
    guard let merging, !onlyCrossAttention else {
      return attention1(normal, source: context.firstText, residual: x)
    }
    let merge = TokenMerge(
      normal, height: merging.size.height, width: merging.size.width, share: merging.share)
    return x + merge.unmerged(attention1(merge.merged(normal), residual: nil))
  }
}

extension BasicTransformerBlock: ModuleNode {
  var summary: String { "BasicTransformerBlock" }
  var children: [ModuleChild] {
    [
      ("norm1", norm1), ("attn1", attention1), ("norm2", norm2), ("attn2", attention2),
      ("norm3", norm3), ("ff", feedForward),
    ]
  }
}

/// A feed-forward network whose hidden values are gated: `net.2(value * gelu(gate))`.
///
/// The projection `net.0.proj` gives both the values and the gates.
struct FeedForward: Sendable {
  private let projectIn: Linear
  private let projectOut: Linear

  init(_ weights: WeightScope, width: Int) throws {
    projectIn = try weights["net"][0].linear("proj", width, 8 * width)
    projectOut = try weights["net"].linear("2", 4 * width, width)
  }

  func callAsFunction(_ x: Tensor, residual: Tensor) -> Tensor {
    projectOut(projectIn.geglu(x), residual: residual)
  }
}

extension FeedForward: ModuleNode {
  var summary: String { "FeedForward(geglu)" }
  var children: [ModuleChild] { [("net.0.proj", projectIn), ("net.2", projectOut)] }
}
