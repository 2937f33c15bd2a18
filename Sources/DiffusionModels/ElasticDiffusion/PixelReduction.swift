import TensorRuntime

/// Reduces latents by taking single pixels, each chosen at random from four, and records which were
/// taken.
struct PixelReduction: Sendable {
  let rows: ReducedAxis
  let columns: ReducedAxis

  /// Reduced pixels.
  var count: Int { rows.reduced * columns.reduced }

  /// Takes the chosen pixels.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W] of the long axes' lengths.
  ///   - choices: 0...3 per reduced pixel, row bit first.
  /// - Returns: [B, C, h, w].
  func sample(_ x: Tensor, choices: [Int]) -> Tensor {
    let values = x.floats()
    let (planes, size) = (x.shape[0] * x.shape[1], rows.source * columns.source)
    let places = choices.indices.map { place(of: $0, choices[$0], \.samples) }
    var taken: [Float] = []
    taken.reserveCapacity(planes * count)
    for plane in 0..<planes {
      for place in places { taken.append(values[plane * size + place]) }
    }
    return Tensor(taken, shape: [x.shape[0], x.shape[1], rows.reduced, columns.reduced])
  }

  /// The pixels of the long axes that count as taken.
  ///
  /// - Parameter choices: The choice for each reduced pixel, 0...3.
  /// - Returns: Row-major positions.
  func marks(choices: [Int]) -> [Int] {
    choices.indices.map { place(of: $0, choices[$0], \.marks) }
  }

  private func place(of index: Int, _ choice: Int, _ table: KeyPath<ReducedAxis, [Int]>) -> Int {
    let (row, column) = index.quotientAndRemainder(dividingBy: columns.reduced)
    return rows[keyPath: table][2 * row + choice / 2] * columns.source
      + columns[keyPath: table][2 * column + choice % 2]
  }
}

/// The choices of pixels for repeated reductions of one latent: first the nearest pixels, then more
/// and more of the others.
struct PixelChoices: Sendable {
  /// The choice for each reduced pixel, 0...3.
  private(set) var current: [Int]
  /// The choices that were made before, as bits.
  private var used: [UInt8]

  /// Starts with the nearest pixels.
  init(count: Int) {
    current = Array(repeating: 0, count: count)
    used = Array(repeating: 1, count: count)
  }

  /// Draws again for a share of the pixels, and avoids earlier choices while others are left.
  ///
  /// - Parameters:
  ///   - share: The share of the pixels that change.
  ///   - generator: Where the numbers come from, in the official order of draws.
  mutating func redraw(share: Double, from generator: inout TorchGenerator) {
    var drawn = generator.randint(high: 4, count: current.count)
    var refused = drawn.indices.filter { isUsed($0, drawn[$0]) }
    var attempts = 0
    // Pixels whose four choices have all been used keep the result of the last draw.
    while !refused.isEmpty, attempts <= Self.attempts {
      let more = generator.randint(high: 4, count: refused.count)
      for (index, choice) in zip(refused, more) { drawn[index] = choice }
      refused = refused.filter { isUsed($0, drawn[$0]) }
      attempts += 1
    }
    let kept = Float(100 * (1 - share))
    let lots = generator.randint(high: 101, count: current.count)
    for (index, lot) in lots.enumerated() where kept == 0 || Float(lot) > kept {
      current[index] = drawn[index]
    }
    for (index, choice) in current.enumerated() { used[index] |= 1 << UInt8(choice) }
  }

  /// How often a choice is drawn again.
  ///
  /// The last result is taken in any case.
  private static let attempts = 50

  private func isUsed(_ index: Int, _ choice: Int) -> Bool {
    used[index] & (1 << UInt8(choice)) != 0
  }
}
