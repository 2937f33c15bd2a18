import TensorRuntime

/// The share of a self-attention's tokens that are merged, and the feature maps in which they are.
struct TokenMerging: Sendable, Equatable {
  /// The share of tokens that disappear, at most three quarters.
  let share: Double
  /// The size of the feature maps whose tokens are merged: those of the finest level with
  /// attention, where attention takes the most time.
  let size: (height: Int, width: Int)

  /// Whether the tokens of a map of that size are merged.
  func applies(height: Int, width: Int) -> Bool {
    share > 0 && height == size.height && width == size.width
  }

  static func == (left: TokenMerging, right: TokenMerging) -> Bool {
    left.share == right.share && left.size == right.size
  }
}

/// Merges similar tokens of a picture for one attention (ToMe, arXiv 2303.17604).
///
/// The first token of every square of 2x2 stays. Each other token is paired with the most similar
/// of those, by cosine. The most similar pairs are merged: the token is averaged into its partner,
/// and after the attention it gets a copy of the partner's result. Every choice depends on the
/// numbers alone, so that results can be repeated.
struct TokenMerge {
  /// For every sample, the place of each token among the merged tokens.
  private let places: [[Int]]
  /// For every sample, the tokens at each place.
  private let members: [[[Int]]]
  private let count: Int

  /// Finds the merges.
  ///
  /// - Parameters:
  ///   - tokens: [B, height · width, C].
  ///   - height: Rows of tokens.
  ///   - width: Tokens per row.
  ///   - share: The share of tokens to merge away, 0...0.75.
  init(_ tokens: Tensor, height: Int, width: Int, share: Double) {
    let total = height * width
    let kept = (0..<total).filter { $0 / width % 2 == 0 && $0 % width % 2 == 0 }
    let others = (0..<total).filter { $0 / width % 2 != 0 || $0 % width % 2 != 0 }
    let merged = min(others.count, Int(Double(total) * share))
    count = total - merged
    var places: [[Int]] = []
    for sample in 0..<tokens.shape[0] {
      let unit = Self.directions(tokens.slice(axis: 0, sample..<sample + 1))
      let matches = Self.matches(of: unit.rows(others), among: unit.rows(kept))
      // The most similar pairs come first, and equal ones in the order of the picture.
      let order = matches.indices.sorted {
        (matches[$1].likeness, $0) < (matches[$0].likeness, $1)
      }
      var own = [Int](repeating: 0, count: total)
      for (place, token) in kept.enumerated() { own[token] = place }
      for (rank, index) in order.enumerated() {
        own[others[index]] = rank < merged ? matches[index].match : kept.count + rank - merged
      }
      places.append(own)
    }
    self.places = places
    let count = count
    members = places.map { own in
      var lists = [[Int]](repeating: [], count: count)
      for (token, place) in own.enumerated() { lists[place].append(token) }
      return lists
    }
  }

  /// Averages the tokens that are merged: [B, tokens, C] to [B, fewer, C].
  func merged(_ x: Tensor) -> Tensor {
    let (tokens, width) = (x.shape[1], x.shape[2])
    return x.contiguous().withUnsafeFloats { source in
      guard let source = source.baseAddress else { return x }
      return Tensor(shape: [x.shape[0], count, width]) { destination in
        Parallel.run(count: x.shape[0] * count, grain: 64) { rows in
          for row in rows {
            let list = members[row / count][row % count]
            let target = destination + row * width
            let first = source + row / count * tokens * width
            target.update(from: first + list[0] * width, count: width)
            if list.count == 1 { continue }
            for token in list.dropFirst() {
              let other = first + token * width
              for index in 0..<width { target[index] += other[index] }
            }
            let scale = 1 / Float(list.count)
            for index in 0..<width { target[index] *= scale }
          }
        }
      }
    }
  }

  /// Gives every token a copy of the result at its place: [B, fewer, C] to [B, tokens, C].
  func unmerged(_ x: Tensor) -> Tensor {
    let tokens = places[0].count
    let width = x.shape[2]
    return x.contiguous().withUnsafeFloats { source in
      guard let source = source.baseAddress else { return x }
      return Tensor(shape: [x.shape[0], tokens, width]) { destination in
        Parallel.run(count: x.shape[0] * tokens, grain: 64) { rows in
          for row in rows {
            let place = places[row / tokens][row % tokens]
            (destination + row * width).update(
              from: source + (row / tokens * count + place) * width, count: width)
          }
        }
      }
    }
  }

  /// The tokens of one sample as unit vectors.
  private static func directions(_ tokens: Tensor) -> Tensor {
    let (count, width) = (tokens.shape[1], tokens.shape[2])
    return tokens.contiguous().withUnsafeFloats { source in
      guard let source = source.baseAddress else { return tokens }
      return Tensor(shape: [count, width]) { destination in
        Parallel.run(count: count, grain: 64) { rows in
          for row in rows {
            let (from, to) = (source + row * width, destination + row * width)
            var sum: Float = 0
            for index in 0..<width { sum += from[index] * from[index] }
            let scale = 1 / max(sum.squareRoot(), 1e-12)
            for index in 0..<width { to[index] = from[index] * scale }
          }
        }
      }
    }
  }

  /// Finds the most similar row of `targets` for every row, and the first of equally similar ones.
  private static func matches(
    of rows: Tensor, among targets: Tensor
  ) -> [(match: Int, likeness: Float)] {
    let product = Linear(weight: RawTensor(targets.floats(), shape: targets.shape), bias: nil)
    let scores = product(rows)
    let width = targets.shape[0]
    var found = [(match: Int, likeness: Float)](
      repeating: (0, -.infinity), count: rows.shape[0])
    scores.withUnsafeFloats { scores in
      found.withUnsafeMutableBufferPointer { found in
        nonisolated(unsafe) let found = found
        Parallel.run(count: found.count, grain: 64) { range in
          for row in range {
            var best = (match: 0, likeness: -Float.infinity)
            for column in 0..<width where scores[row * width + column] > best.likeness {
              best = (column, scores[row * width + column])
            }
            found[row] = best
          }
        }
      }
    }
    return found
  }
}

extension Tensor {
  /// The given rows of a matrix.
  fileprivate func rows(_ indices: [Int]) -> Tensor {
    let width = shape[1]
    return withUnsafeFloats { source in
      Tensor(shape: [indices.count, width]) { destination in
        guard let source = source.baseAddress else { return }
        for (row, index) in indices.enumerated() {
          (destination + row * width).update(from: source + index * width, count: width)
        }
      }
    }
  }
}
