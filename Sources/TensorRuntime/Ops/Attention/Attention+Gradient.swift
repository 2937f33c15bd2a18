#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Attention with its way back, which keeps queries, keys and values and computes the weights again.
func differentiableAttention(
  _ query: Tensor, _ key: Tensor, _ value: Tensor, _ problem: AttentionProblem
) -> Tensor {
  let edges = [query.gradient, key.gradient, value.gradient]
  let (q, k, v) = (
    query.withGradient(nil).contiguous(), key.withGradient(nil).contiguous(),
    value.withGradient(nil).contiguous()
  )
  // Keys and values of a frozen text need no gradients.
  let wantsKeys = key.gradient != nil || value.gradient != nil
  return attention(q, k, v, problem).attached(to: edges) { gradients, _ in
    guard let gradient = gradients[0]?.contiguous() else { return [] }
    let keys = Storage(count: wantsKeys ? k.count : 0)
    let values = Storage(count: wantsKeys ? v.count : 0)
    let queries = withTensors(q, k, v, gradient) {
      Tensor(shape: q.shape) { destination in
        let implementation = AttentionTable.gradients.choose(problem)
        OpProfile.measure(problem, implementation.name) {
          implementation.body(
            AttentionGradientCall(
              problem: problem, query: q.base, key: k.base, value: v.base, gradient: gradient.base,
              queries: destination,
              keys: wantsKeys ? (keys.pointer, values.pointer) : nil))
        }
      }
    }
    guard wantsKeys else { return [queries, nil, nil] }
    return [
      queries, Tensor(shape: k.shape, layout: .contiguous, storage: keys, offset: 0),
      Tensor(shape: v.shape, layout: .contiguous, storage: values, offset: 0),
    ]
  }
}

/// A problem with its operands; all are [batch, tokens, heads · headSize].
struct AttentionGradientCall {
  let problem: AttentionProblem
  let query: UnsafePointer<Float>
  let key: UnsafePointer<Float>
  let value: UnsafePointer<Float>
  /// Of the result.
  let gradient: UnsafePointer<Float>
  /// Receives the gradients of the queries.
  let queries: UnsafeMutablePointer<Float>
  /// Receive the gradients of keys and values; nil where these are not wanted.
  let keys: (key: UnsafeMutablePointer<Float>, value: UnsafeMutablePointer<Float>)?
}

extension AttentionTable {
  typealias GradientBody = @Sendable (AttentionGradientCall) -> Void

  static let gradients = DispatchTable(
    op: "attention_gradient",
    implementations: [
      Implementation<AttentionProblem, GradientBody>(
        name: "openblas_tiled", isa: .generic, body: { tiledAttentionGradient($0) }),
      Implementation<AttentionProblem, GradientBody>(
        name: "reference", isa: .reference, body: { referenceAttentionGradient($0) }),
    ])
}

/// Each head by itself: tiles of queries, whose weights of all keys are computed again.
private func tiledAttentionGradient(_ call: AttentionGradientCall) {
  let problem = call.problem
  let rows = min(problem.queries, max(16, min(128, (1 << 18) / problem.keys)))
  Parallel.run(
    count: problem.batch * problem.heads, grain: 1, scratch: 2 * rows * problem.keys
  ) { heads, memory in
    for head in heads {
      let part = AttentionHeadGradient(
        call: call, sample: head / problem.heads, head: head % problem.heads,
        weights: memory, slopes: memory + rows * problem.keys)
      part.clearKeys()
      for first in stride(from: 0, to: problem.queries, by: rows) {
        part.run(first..<min(problem.queries, first + rows))
      }
    }
  }
}

/// The gradients of one head.
private struct AttentionHeadGradient {
  let call: AttentionGradientCall
  let sample: Int
  let head: Int
  /// [rows, keys].
  let weights: UnsafeMutablePointer<Float>
  /// The gradients of the weights, then of the scores, [rows, keys].
  let slopes: UnsafeMutablePointer<Float>

  private var problem: AttentionProblem { call.problem }
  private var keyStart: Int { sample * problem.keys * problem.width + head * problem.headSize }

  func clearKeys() {
    guard let keys = call.keys else { return }
    for token in 0..<problem.keys {
      let place = keyStart + token * problem.width
      (keys.key + place).update(repeating: 0, count: problem.headSize)
      (keys.value + place).update(repeating: 0, count: problem.headSize)
    }
  }

  func run(_ queries: Range<Int>) {
    let start =
      (sample * problem.queries + queries.lowerBound) * problem.width + head * problem.headSize
    let (rows, keys, size) = (queries.count, problem.keys, problem.headSize)
    func operand(_ pointer: UnsafePointer<Float>, transposed: Bool = false) -> BLAS.Matrix {
      BLAS.Matrix(pointer: pointer, stride: problem.width, transposed: transposed)
    }
    func square(_ pointer: UnsafePointer<Float>, transposed: Bool = false) -> BLAS.Matrix {
      BLAS.Matrix(pointer: pointer, stride: keys, transposed: transposed)
    }
    BLAS.multiply(
      (rows, keys, size), operand(call.query + start),
      operand(call.key + keyStart, transposed: true),
      into: (weights, keys), scale: problem.scale)
    soften(queries)
    BLAS.multiply(
      (rows, keys, size), operand(call.gradient + start),
      operand(call.value + keyStart, transposed: true), into: (slopes, keys))
    if let found = call.keys {
      BLAS.multiply(
        (keys, size, rows), square(weights, transposed: true), operand(call.gradient + start),
        into: (found.value + keyStart, problem.width), keep: 1)
    }
    passSoftmax(rows)
    BLAS.multiply(
      (rows, size, keys), square(slopes), operand(call.key + keyStart),
      into: (call.queries + start, problem.width), scale: problem.scale)
    if let found = call.keys {
      BLAS.multiply(
        (keys, size, rows), square(slopes, transposed: true), operand(call.query + start),
        into: (found.key + keyStart, problem.width), scale: problem.scale, keep: 1)
    }
  }

  /// Turns scores into weights, row by row.
  private func soften(_ queries: Range<Int>) {
    for row in 0..<queries.count {
      let line = weights + row * problem.keys
      let seen = problem.causal ? queries.lowerBound + row + 1 : problem.keys
      (line + seen).update(repeating: 0, count: problem.keys - seen)
      let total = VectorMath.exponentiate(line, minus: VectorMath.maximum(line, seen), seen)
      let scale = 1 / total
      for key in 0..<seen { line[key] *= scale }
    }
  }

  /// Takes the gradients of the weights to those of the scores: w · (g - Σ w·g).
  private func passSoftmax(_ rows: Int) {
    for row in 0..<rows {
      let line = weights + row * problem.keys
      let slope = slopes + row * problem.keys
      for key in 0..<problem.keys { slope[key] *= line[key] }
      let sum = VectorMath.sum(slope, problem.keys)
      for key in 0..<problem.keys { slope[key] -= line[key] * sum }
    }
  }
}

/// Plain loops in double precision, a head at a time.
private func referenceAttentionGradient(_ call: AttentionGradientCall) {
  let problem = call.problem
  Parallel.run(count: problem.batch * problem.heads, grain: 1) { heads in
    for head in heads {
      var part = ReferenceHeadGradient(
        call: call, sample: head / problem.heads, column: head % problem.heads * problem.headSize)
      for query in 0..<problem.queries { part.add(query) }
      part.writeKeys()
    }
  }
}

/// The gradients of one head in double precision.
private struct ReferenceHeadGradient {
  private let call: AttentionGradientCall
  private let sample: Int
  private let column: Int
  /// [keys, headSize].
  private var keys: [Double]
  private var values: [Double]

  init(call: AttentionGradientCall, sample: Int, column: Int) {
    self.call = call
    self.sample = sample
    self.column = column
    keys = [Double](repeating: 0, count: call.problem.keys * call.problem.headSize)
    values = keys
  }

  private func key(_ token: Int) -> Int {
    (sample * call.problem.keys + token) * call.problem.width + column
  }

  private func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Double {
    (0..<call.problem.headSize).reduce(0) { $0 + Double(a[$1]) * Double(b[$1]) }
  }

  /// Adds what one query gives.
  mutating func add(_ query: Int) {
    let problem = call.problem
    let start = (sample * problem.queries + query) * problem.width + column
    let seen = problem.causal ? query + 1 : problem.keys
    let scale = Double(problem.scale)
    let weights = referenceSoftmax(
      (0..<seen).map { product(call.query + start, call.key + key($0)) * scale })
    let slopes = (0..<seen).map { product(call.gradient + start, call.value + key($0)) }
    let sum = zip(weights, slopes).reduce(0) { $0 + $1.0 * $1.1 }
    for index in 0..<problem.headSize {
      var total = 0.0
      for token in 0..<seen {
        let slope = weights[token] * (slopes[token] - sum) * scale
        let place = token * problem.headSize + index
        total += slope * Double(call.key[key(token) + index])
        keys[place] += slope * Double(call.query[start + index])
        values[place] += weights[token] * Double(call.gradient[start + index])
      }
      call.queries[start + index] = Float(total)
    }
  }

  func writeKeys() {
    guard let found = call.keys else { return }
    let size = call.problem.headSize
    for place in keys.indices {
      found.key[key(place / size) + place % size] = Float(keys[place])
      found.value[key(place / size) + place % size] = Float(values[place])
    }
  }
}

private func referenceSoftmax(_ scores: [Double]) -> [Double] {
  let largest = scores.max() ?? 0
  let powers = scores.map { exp($0 - largest) }
  let total = powers.reduce(0, +)
  return powers.map { $0 / total }
}
