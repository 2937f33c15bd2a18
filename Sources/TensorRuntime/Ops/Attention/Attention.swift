/// Multi-head attention, softmax(Q·Kᵀ / √d)·V, without ever holding the whole score matrix.
///
/// - Parameters:
///   - query: [B, Lq, H·d].
///   - key: [B, Lk, H·d].
///   - value: [B, Lk, H·d].
///   - heads: H, the number of heads; consecutive runs of d features.
///   - causal: Whether a query sees only keys up to its own position.
/// - Returns: [B, Lq, H·d], contiguous.
public func scaledDotProductAttention(
  query: Tensor, key: Tensor, value: Tensor, heads: Int, causal: Bool = false
) -> Tensor {
  precondition(
    query.rank == 3 && key.rank == 3 && key.shape == value.shape
      && query.shape[0] == key.shape[0] && query.shape[2] == key.shape[2] && key.shape[1] > 0,
    "attention cannot join \(query.shape), \(key.shape) and \(value.shape)")
  precondition(
    heads >= 1 && query.shape[2] % heads == 0, "\(query.shape) does not divide into \(heads) heads")
  precondition(
    !causal || query.shape[1] == key.shape[1],
    "causal attention needs equal lengths, got \(query.shape) and \(key.shape)")
  let problem = AttentionProblem(
    batch: query.shape[0], queries: query.shape[1], keys: key.shape[1], heads: heads,
    headSize: query.shape[2] / heads, causal: causal)
  if query.gradient != nil || key.gradient != nil || value.gradient != nil {
    return differentiableAttention(query, key, value, problem)
  }
  return attention(query, key, value, problem)
}

/// Attends without a way back.
func attention(
  _ query: Tensor, _ key: Tensor, _ value: Tensor, _ problem: AttentionProblem
) -> Tensor {
  let (q, k, v) = (query.contiguous(), key.contiguous(), value.contiguous())
  return withTensors(q, k, v) {
    Tensor(shape: query.shape) { destination in
      guard query.count > 0 else { return }
      let implementation = AttentionTable.table.choose(problem)
      OpProfile.measure(problem, implementation.name) {
        implementation.body(
          AttentionCall(
            problem: problem, query: q.base, key: k.base, value: v.base, output: destination))
      }
    }
  }
}

/// The sizes and options of an attention.
struct AttentionProblem: Sendable, CustomStringConvertible {
  let batch: Int
  let queries: Int
  let keys: Int
  let heads: Int
  let headSize: Int
  let causal: Bool

  /// Heads · head size: the distance between tokens.
  var width: Int { heads * headSize }
  var scale: Float { 1 / Float(headSize).squareRoot() }

  var description: String {
    "\(batch)x\(queries)x\(keys) heads \(heads)x\(headSize)" + (causal ? " causal" : "")
  }
}

extension AttentionProblem: ProfiledProblem {
  var op: String { "attention" }
  var kind: OpProfile.Kind { queries == keys ? .selfAttention : .crossAttention }
  var operations: Double { 4 * Double(batch * queries) * Double(keys) * Double(width) }
}

/// A problem with its operands.
struct AttentionCall {
  let problem: AttentionProblem
  /// [batch, queries, heads · headSize].
  let query: UnsafePointer<Float>
  /// [batch, keys, heads · headSize].
  let key: UnsafePointer<Float>
  /// [batch, keys, heads · headSize].
  let value: UnsafePointer<Float>
  /// [batch, queries, heads · headSize].
  let output: UnsafeMutablePointer<Float>
}

/// The implementations of attention.
enum AttentionTable {
  typealias Body = @Sendable (AttentionCall) -> Void

  static let table = DispatchTable(op: "attention", implementations: fast + [openBLAS, reference])

  static let openBLAS = Implementation<AttentionProblem, Body>(
    name: "openblas_tiled", isa: .generic, body: { tiledAttention($0) })

  static let reference = Implementation<AttentionProblem, Body>(
    name: "reference", isa: .reference, body: { referenceAttention($0) })
}
