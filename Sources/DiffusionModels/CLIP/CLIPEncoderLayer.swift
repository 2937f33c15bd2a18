import ResgraphWeights
import TensorRuntime

/// One layer of CLIP's transformers: self-attention, which is causal for text, and a feed-forward
/// network.
///
/// The input of each is normalised.
struct CLIPEncoderLayer: Sendable {
  private let norm1: LayerNorm
  private let attention: CLIPAttention
  private let norm2: LayerNorm
  private let up: Linear
  private let down: Linear
  private let activation: Activation

  init(_ weights: WeightScope, config: CLIPTextConfig, isCausal: Bool = true) throws {
    let width = config.hiddenSize
    norm1 = try weights.layerNorm("layer_norm1", width, eps: config.normEps)
    attention = try CLIPAttention(
      weights["self_attn"], width: width, heads: config.heads, isCausal: isCausal)
    norm2 = try weights.layerNorm("layer_norm2", width, eps: config.normEps)
    up = try weights.linear("mlp.fc1", width, config.intermediateSize)
    down = try weights.linear("mlp.fc2", config.intermediateSize, width)
    activation = config.activation
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let attended = attention(norm1(x), residual: x)
    return down(up(norm2(attended), activation: activation), residual: attended)
  }
}

/// Self-attention; where it is causal, a token attends only to itself and to earlier tokens.
struct CLIPAttention: Sendable {
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear
  private let heads: Int
  private let isCausal: Bool

  init(_ weights: WeightScope, width: Int, heads: Int, isCausal: Bool) throws {
    query = try weights.linear("q_proj", width, width)
    key = try weights.linear("k_proj", width, width)
    value = try weights.linear("v_proj", width, width)
    output = try weights.linear("out_proj", width, width)
    self.heads = heads
    self.isCausal = isCausal
  }

  func callAsFunction(_ x: Tensor, residual: Tensor) -> Tensor {
    let attended = scaledDotProductAttention(
      query: query(x), key: key(x), value: value(x), heads: heads, causal: isCausal)
    return output(attended, residual: residual)
  }
}
