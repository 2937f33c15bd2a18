import ResgraphWeights
import TensorRuntime

/// The keys and values of one attention layer over one sequence.
struct KeyValue: Sendable {
  /// [B, L, heads * d].
  var key: Tensor
  /// [B, L, heads * d].
  var value: Tensor

  /// Repeats both for a batch of `batch` samples.
  func repeated(toBatch batch: Int) -> KeyValue {
    KeyValue(key: key.repeated(toBatch: batch), value: value.repeated(toBatch: batch))
  }
}

/// Multi-head attention with its four projections: `to_q`, `to_k`, `to_v`, `to_out.0`.
struct Attention: Sendable {
  private let toQuery: Linear
  private let toKey: Linear
  private let toValue: Linear
  private let toOut: Linear
  private let heads: Int

  /// Loads the projections.
  ///
  /// - Parameters:
  ///   - weights: The scope of the layer.
  ///   - width: Width of the queries, of the result and inside.
  ///   - contextWidth: Width of the sequence from which keys and values are computed.
  ///   - heads: How many heads share the width.
  ///   - bias: Whether the first three projections have a bias; the last always has.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, width: Int, contextWidth: Int, heads: Int, bias: Bool = false
  ) throws {
    self.heads = heads
    toQuery = try weights.linear("to_q", width, width, bias: bias)
    toKey = try weights.linear("to_k", contextWidth, width, bias: bias)
    toValue = try weights.linear("to_v", contextWidth, width, bias: bias)
    toOut = try weights["to_out"].linear("0", width, width)
  }

  /// Computes keys and values of a sequence [B, L, contextWidth].
  func keyValue(_ context: Tensor) -> KeyValue {
    KeyValue(key: toKey(context), value: toValue(context))
  }

  /// Attends, and adds the result to a residual where there is one.
  ///
  /// - Parameters:
  ///   - x: The sequence from which the queries are computed, [B, L, width].
  ///   - source: Keys and values; those of `x` itself when nil.
  ///   - images: Further attentions of the same queries, added before the output projection.
  ///   - residual: [B, L, width].
  /// - Returns: [B, L, width].
  func callAsFunction(
    _ x: Tensor, source: KeyValue? = nil, images: [ImageAttention] = [], residual: Tensor?
  ) -> Tensor {
    let query = toQuery(x)
    let source = (source ?? keyValue(x)).repeated(toBatch: x.shape[0])
    var mixed = scaledDotProductAttention(
      query: query, key: source.key, value: source.value, heads: heads)
    for image in images { mixed = mixed + image(query, heads: heads) }
    return toOut(mixed, residual: residual)
  }
}

extension Attention: ModuleNode {
  var summary: String { "Attention(heads \(heads))" }
  var children: [ModuleChild] {
    [("to_q", toQuery), ("to_k", toKey), ("to_v", toValue), ("to_out.0", toOut)]
  }
}
