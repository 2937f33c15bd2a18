/// A table of vectors looked up by number.
public struct Embedding: Sendable {
  private let weight: RawTensor

  /// The number of vectors.
  public var count: Int { weight.shape[0] }
  /// The length of a vector.
  public var dimension: Int { weight.shape[1] }

  /// Makes a table from stored weights; rows are converted when they are looked up.
  ///
  /// - Parameter weight: [N, D].
  public init(weight: RawTensor) {
    precondition(weight.shape.count == 2, "an embedding is [N, D], got \(weight.shape)")
    self.weight = weight
  }

  /// Looks up vectors.
  ///
  /// - Parameter ids: B equally long lists of numbers below `count`.
  /// - Returns: [B, L, D].
  public func callAsFunction(_ ids: [[Int]]) -> Tensor {
    let length = ids.first?.count ?? 0
    precondition(ids.allSatisfy { $0.count == length }, "lists of different lengths")
    let dimension = dimension
    let rowBytes = dimension * weight.dtype.byteCount
    return weight.withUnsafeBytes { bytes in
      Tensor(shape: [ids.count, length, dimension]) { destination in
        for (row, id) in ids.joined().enumerated() {
          precondition(id >= 0 && id < count, "number \(id) is not in a table of \(count)")
          guard let base = bytes.baseAddress else { return }
          ElementConversion.convert(
            base + id * rowBytes, weight.dtype, into: destination + row * dimension,
            count: dimension)
        }
      }
    }
  }
}
