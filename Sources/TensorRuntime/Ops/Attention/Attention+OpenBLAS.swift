/// Multiplies tiles of queries with tiles of keys, and corrects the softmax after each tile of
/// keys.
func tiledAttention(_ call: AttentionCall) {
  let problem = call.problem
  let queryTile = 128
  let tiles = (problem.queries + queryTile - 1) / queryTile
  Parallel.run(count: problem.batch * problem.heads * tiles, grain: 1) { parts in
    for part in parts {
      let tile = part % tiles
      let queries = tile * queryTile..<min(problem.queries, (tile + 1) * queryTile)
      let head = part / tiles % problem.heads
      AttentionTile(call: call, image: part / tiles / problem.heads, head: head, queries: queries)
        .run()
    }
  }
}

/// The queries of one head in one tile.
private struct AttentionTile {
  let call: AttentionCall
  let image: Int
  let head: Int
  let queries: Range<Int>

  private static let keyTile = 512

  func run() {
    let problem = call.problem
    let keyTile = min(Self.keyTile, problem.keys)
    let rows = queries.count
    Scratch.floats(rows * (keyTile + problem.headSize + 2)) { memory in
      let sums = memory + rows * keyTile
      let largest = sums + rows * problem.headSize
      let totals = largest + rows
      sums.update(repeating: 0, count: rows * problem.headSize)
      largest.update(repeating: -.infinity, count: rows)
      totals.update(repeating: 0, count: rows)
      let visible = problem.causal ? queries.upperBound : problem.keys
      var first = 0
      while first < visible {
        let keys = first..<min(visible, first + keyTile)
        score(keys, into: memory)
        soften(keys, memory, sums: sums, largest: largest, totals: totals)
        accumulate(keys, memory, into: sums)
        first = keys.upperBound
      }
      finish(sums, totals)
    }
  }

  /// Computes scores = Q·Kᵀ/√d.
  private func score(_ keys: Range<Int>, into scores: UnsafeMutablePointer<Float>) {
    let problem = call.problem
    let q =
      call.query + (image * problem.queries + queries.lowerBound) * problem.width
      + head * problem.headSize
    let k =
      call.key + (image * problem.keys + keys.lowerBound) * problem.width + head * problem.headSize
    BLAS.multiply(
      (queries.count, keys.count, problem.headSize),
      BLAS.Matrix(pointer: q, stride: problem.width),
      BLAS.Matrix(pointer: k, stride: problem.width, transposed: true),
      into: (scores, keys.count), scale: problem.scale)
  }

  /// Turns scores into weights relative to the largest score so far, and rescales the sums of the
  /// earlier tiles.
  private func soften(
    _ keys: Range<Int>, _ scores: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>, largest: UnsafeMutablePointer<Float>,
    totals: UnsafeMutablePointer<Float>
  ) {
    let size = call.problem.headSize
    for row in 0..<queries.count {
      let line = scores + row * keys.count
      let seen =
        call.problem.causal
        ? max(0, min(keys.count, queries.lowerBound + row + 1 - keys.lowerBound)) : keys.count
      if seen < keys.count {
        (line + seen).update(repeating: 0, count: keys.count - seen)
      }
      if seen == 0 { continue }
      let peak = VectorMath.maximum(line, seen)
      let next = max(peak, largest[row])
      let correction = FastMath.exp(largest[row] - next)
      largest[row] = next
      totals[row] = totals[row] * correction + VectorMath.exponentiate(line, minus: next, seen)
      if correction != 1 {
        for index in 0..<size { sums[row &* size &+ index] *= correction }
      }
    }
  }

  private func accumulate(
    _ keys: Range<Int>, _ weights: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>
  ) {
    let problem = call.problem
    let v =
      call.value + (image * problem.keys + keys.lowerBound) * problem.width
      + head * problem.headSize
    BLAS.multiply(
      (queries.count, problem.headSize, keys.count),
      BLAS.Matrix(pointer: weights, stride: keys.count),
      BLAS.Matrix(pointer: v, stride: problem.width),
      into: (sums, problem.headSize), keep: 1)
  }

  private func finish(
    _ sums: UnsafePointer<Float>, _ totals: UnsafePointer<Float>
  ) {
    let problem = call.problem
    let size = problem.headSize
    for row in 0..<queries.count {
      let place = (image * problem.queries + queries.lowerBound + row) * problem.width
      let output = call.output + place + head * size
      let scale = 1 / totals[row]
      for index in 0..<size { output[index] = sums[row &* size &+ index] * scale }
    }
  }
}
