import TensorRuntime

/// Batches of pictures of one size each.
struct SizeBatches: Sendable {
  private let groups: [[Int]]
  private let batchSize: Int

  /// Batches of an epoch.
  var count: Int { groups.reduce(0) { $0 + ($1.count + batchSize - 1) / batchSize } }

  /// Groups the pictures by their sizes.
  init(_ sizes: [TrainingSize], batchSize: Int) {
    let bySize = Dictionary(grouping: sizes.indices) { sizes[$0] }
    groups = bySize.sorted { $0.key < $1.key }.map(\.value)
    self.batchSize = batchSize
  }

  /// The batches of an epoch: each group is shuffled and cut, then the batches are shuffled.
  ///
  /// - Parameters:
  ///   - epoch: The epoch's number.
  ///   - seed: The training's; the same two give the same batches.
  /// - Returns: The places of the pictures of each batch.
  func epoch(_ epoch: Int, seed: UInt64) -> [[Int]] {
    var generator = TorchGenerator(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
    var batches: [[Int]] = []
    for group in groups {
      let order = shuffled(group, &generator)
      for start in stride(from: 0, to: order.count, by: batchSize) {
        batches.append(Array(order[start..<min(order.count, start + batchSize)]))
      }
    }
    return shuffled(batches, &generator)
  }

  private func shuffled<T>(_ values: [T], _ generator: inout TorchGenerator) -> [T] {
    var values = values
    for last in values.indices.dropFirst().reversed() {
      let other = generator.randint(high: UInt32(last + 1), count: 1)[0]
      values.swapAt(last, other)
    }
    return values
  }
}
