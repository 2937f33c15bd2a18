/// A block of float32 memory from the pool, 64-byte aligned, returned to the pool when released.
///
/// The code that makes a storage fills it before it shares it. Afterwards nobody writes to it.
final class Storage: @unchecked Sendable {
  /// The first element.
  let pointer: UnsafeMutablePointer<Float>
  /// The number of elements asked for.
  let count: Int
  private let block: MemoryPool.Block
  private let isLasting: Bool

  /// Takes memory with undefined contents from the pool.
  ///
  /// - Parameter count: The number of floats.
  init(count: Int) {
    precondition(count >= 0, "a storage cannot hold \(count) elements")
    self.count = count
    isLasting = false
    block = MemoryPool.take(byteCount: count * MemoryLayout<Float>.stride)
    pointer = block.pointer.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  /// Takes memory with undefined contents for something that outlives the steps of a loop, such as
  /// packed weights.
  ///
  /// - Parameter count: The number of floats.
  init(lasting count: Int) {
    precondition(count >= 0, "a storage cannot hold \(count) elements")
    self.count = count
    isLasting = true
    block = MemoryPool.takeLasting(byteCount: count * MemoryLayout<Float>.stride)
    pointer = block.pointer.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  deinit {
    if isLasting { MemoryPool.giveLasting(block) } else { MemoryPool.give(block) }
  }
}

/// Short-lived working memory of one kernel call.
enum Scratch {
  /// Lends floats with undefined contents.
  ///
  /// - Parameters:
  ///   - count: The number of floats.
  ///   - body: Receives 64-byte aligned memory, valid during the call only.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  @inline(__always)
  static func floats<R>(
    _ count: Int, _ body: (UnsafeMutablePointer<Float>) throws -> R
  ) rethrows -> R {
    let block = MemoryPool.take(byteCount: count * MemoryLayout<Float>.stride)
    defer { MemoryPool.give(block) }
    return try body(block.pointer.bindMemory(to: Float.self, capacity: max(count, 1)))
  }

  /// Lends doubles with undefined contents.
  ///
  /// - Parameters:
  ///   - count: The number of doubles.
  ///   - body: Receives 64-byte aligned memory, valid during the call only.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  @inline(__always)
  static func doubles<R>(
    _ count: Int, _ body: (UnsafeMutablePointer<Double>) throws -> R
  ) rethrows -> R {
    let block = MemoryPool.take(byteCount: count * MemoryLayout<Double>.stride)
    defer { MemoryPool.give(block) }
    return try body(block.pointer.bindMemory(to: Double.self, capacity: max(count, 1)))
  }
}
