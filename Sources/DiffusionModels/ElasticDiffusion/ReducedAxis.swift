import TensorRuntime

/// The reduction of one axis of a latent to a shorter one, with the place of each sample in the
/// long one.
///
/// Every position of the short axis can be sampled from two places, chosen by a bit. ElasticDiffusion's own code
/// doubles the axis and drops pairs of rows block by block; where that gives no axis of the wanted length (it does
/// not for a quarter of all sizes), each short position samples the first or the last of the positions that
/// nearest-neighbour enlargement would fill from it.
struct ReducedAxis: Sendable, Equatable {
  /// Length of the long axis.
  let source: Int
  /// Length of the short axis.
  let reduced: Int
  /// The long position that is sampled, at 2 · short position + bit.
  let samples: [Int]
  /// The long position that counts as sampled, at 2 · short position + bit.
  let marks: [Int]
  /// Whether the official arithmetic gave this reduction.
  ///
  /// Otherwise results cannot be compared with the official code.
  let isOfficial: Bool

  /// Plans a reduction.
  ///
  /// - Parameters:
  ///   - source: Length of the long axis.
  ///   - reduced: Length of the short one, at least 1 and not above `source`.
  init(source: Int, reduced: Int) {
    precondition(reduced >= 1 && reduced <= source, "\(source) cannot be reduced to \(reduced)")
    self.source = source
    self.reduced = reduced
    if let blocks = BlockReduction(source: source, reduced: reduced) {
      (samples, marks, isOfficial) = (blocks.samples, blocks.marks, true)
    } else {
      samples = Self.ends(source, reduced)
      (marks, isOfficial) = (samples, false)
    }
  }

  /// The first and the last of the positions that enlargement fills from each short position.
  private static func ends(_ source: Int, _ reduced: Int) -> [Int] {
    let numbers = Tensor((0..<reduced).map { Float($0) }, shape: [1, 1, reduced, 1])
    let owners = upsampleNearest(numbers, height: source, width: 1).floats().map { Int($0) }
    var ends = Array(repeating: 0, count: 2 * reduced)
    for (position, owner) in owners.enumerated().reversed() { ends[2 * owner] = position }
    for (position, owner) in owners.enumerated() { ends[2 * owner + 1] = position }
    return ends
  }
}

/// The official arithmetic, which keeps `keep` of every `block` rows of the doubled axis.
private struct BlockReduction {
  let samples: [Int]
  let marks: [Int]

  init?(source: Int, reduced: Int) {
    let doubled = 2 * source
    let wanted = 2 * reduced
    let (keep, block) = Self.evenRatio(Double(reduced) / Double(source))
    guard keep > 0 else { return nil }
    var count = wanted / keep
    if count * block > doubled { count -= 1 }
    let dropped = Self.droppedPairs(block: block, pairs: (block - keep) / 2)
    var rows: [Int] = []
    for start in stride(from: 0, to: count * block, by: block) {
      rows += (0..<block).filter { offset in
        !dropped.starts.contains { $0 == offset || $0 + 1 == offset }
      }
      .map { start + $0 }
    }
    rows = rows.filter { $0 < doubled }
    let tail = count * block
    rows += (tail..<max(tail, min(tail + wanted - rows.count, doubled)))
    let separate = stride(from: 0, to: wanted, by: keep).flatMap { start in
      dropped.seams.map { start + $0 }
    }
    guard rows.count == wanted, let marks = Self.folded(wanted, separate, limit: source) else {
      return nil
    }
    samples = rows.map { $0 / 2 }
    self.marks = marks
  }

  /// Writes a ratio as two even numbers, from a fraction with a denominator of at most 32.
  private static func evenRatio(_ value: Double) -> (keep: Int, block: Int) {
    var ratio = nearestFraction(value, limit: 32)
    if ratio.over % 2 != 0 || ratio.under % 2 != 0 { ratio = nearestFraction(value, limit: 16) }
    if ratio.over % 2 != 0 || ratio.under % 2 != 0 { return (ratio.over * 2, ratio.under * 2) }
    return (ratio.over, ratio.under)
  }

  /// The places in a block where pairs are dropped, and the rows that stay on both sides of a gap.
  private static func droppedPairs(block: Int, pairs: Int) -> (starts: [Int], seams: [Int]) {
    var interval = block / (pairs + 1)
    interval += interval % 2
    let starts = (0..<pairs).map { ($0 + 1) * interval - 1 }
    let seams = starts.enumerated().flatMap { [$1 - 1 - 2 * $0, $1 - 2 * $0] }
    return (starts, seams)
  }

  /// The place that each row of the doubled short axis marks.
  ///
  /// The rows of a pair share a place, except at a seam.
  private static func folded(_ count: Int, _ separate: [Int], limit: Int) -> [Int]? {
    var marks: [Int] = []
    var next = separate.makeIterator()
    var seam = next.next()
    var length = 0
    for row in stride(from: 0, to: count, by: 2) {
      if row == seam {
        marks += [length, length + 1]
        length += 2
        _ = next.next()
        seam = next.next()
      } else {
        marks += [length, length]
        length += 1
      }
    }
    return length <= limit ? marks : nil
  }
}

/// The fraction nearest to a number among those with a small denominator, as Python's
/// `Fraction.limit_denominator` finds it.
private func nearestFraction(_ value: Double, limit: Int128) -> (over: Int, under: Int) {
  let exponent = max(0, Double.significandBitCount - Int(value.exponent))
  var (n, d) = (
    Int128(value * Double(sign: .plus, exponent: exponent, significand: 1)), Int128(1) << exponent
  )
  while n % 2 == 0, d % 2 == 0 { (n, d) = (n / 2, d / 2) }
  let denominator = d
  if denominator <= limit { return (Int(n), Int(d)) }
  var (p0, q0, p1, q1) = (Int128(0), Int128(1), Int128(1), Int128(0))
  while true {
    let a = n / d
    let q2 = q0 + a * q1
    if q2 > limit { break }
    (p0, q0, p1, q1) = (p1, q1, p0 + a * p1, q2)
    (n, d) = (d, n - a * d)
  }
  let k = (limit - q0) / q1
  return 2 * d * (q0 + k * q1) <= denominator
    ? (Int(p1), Int(q1)) : (Int(p0 + k * p1), Int(q0 + k * q1))
}
