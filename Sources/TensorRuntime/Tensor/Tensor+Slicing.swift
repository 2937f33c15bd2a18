extension Tensor {
  /// The dimensions in memory order.
  private var storedShape: [Int] {
    layout == .contiguous ? shape : [shape[0], shape[2], shape[3], shape[1]]
  }

  /// The position of a logical axis in `storedShape`.
  private static func storedAxis(_ axis: Int, _ layout: Layout) -> Int {
    layout == .contiguous ? axis : [0, 3, 1, 2][axis]
  }

  /// Takes part of one dimension.
  ///
  /// - Parameters:
  ///   - axis: The logical dimension, counted from 0.
  ///   - range: The indices to keep.
  /// - Returns: A tensor of the same layout; shares memory where the part is one aligned run.
  public func slice(axis: Int, _ range: Range<Int>) -> Tensor {
    precondition(
      shape.indices.contains(axis) && range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "slice \(range) of axis \(axis) is outside \(shape)")
    if range.count == shape[axis] { return self }
    var sliced = shape
    sliced[axis] = range.count
    let stored = storedShape
    let position = Self.storedAxis(axis, layout)
    let outer = stored[..<position].reduce(1, *)
    let inner = stored[(position + 1)...].reduce(1, *)
    let start = range.lowerBound * inner
    if outer == 1 && (offset + start) % 16 == 0 {
      return Tensor(shape: sliced, layout: layout, storage: storage, offset: offset + start)
        .recordedSlice(of: self, axis: axis, range)
    }
    let run = range.count * inner
    let stride = stored[position] * inner
    return Tensor(shape: sliced, layout: layout) { destination in
      OpProfile.measure(ValueProblem(op: "slice", count: run * outer), "copy") {
        copyRuns(
          from: base + start, stride: stride, into: destination, stride: run, length: run,
          count: outer)
      }
    }.recordedSlice(of: self, axis: axis, range)
  }

  /// Records a slice, whose gradient is zero wherever nothing was taken.
  private func recordedSlice(of whole: Tensor, axis: Int, _ range: Range<Int>) -> Tensor {
    let shape = whole.shape
    return recorded(from: whole) { gradient in
      let parts = [range.lowerBound, shape[axis] - range.upperBound].map { count in
        var missing = shape
        missing[axis] = count
        return Tensor.zeros(missing)
      }
      return Tensor.concatenate([parts[0], gradient, parts[1]], axis: axis)
    }
  }

  /// Joins tensors along one dimension.
  ///
  /// - Parameters:
  ///   - tensors: At least one tensor; all other dimensions agree.
  ///   - axis: The logical dimension that grows.
  /// - Returns: A tensor in the first one's layout.
  public static func concatenate(_ tensors: [Tensor], axis: Int) -> Tensor {
    guard let first = tensors.first else { preconditionFailure("nothing to concatenate") }
    if tensors.count == 1 { return first }
    precondition(first.shape.indices.contains(axis), "no axis \(axis) in \(first.shape)")
    for tensor in tensors {
      var expected = tensor.shape
      expected[axis] = first.shape[axis]
      precondition(
        tensor.rank == first.rank && expected == first.shape,
        "cannot concatenate \(first.shape) and \(tensor.shape) along axis \(axis)")
    }
    var joined = first.shape
    joined[axis] = tensors.reduce(0) { $0 + $1.shape[axis] }
    let parts = tensors.map { $0.inLayout(first.layout) }
    let stored = first.storedShape
    let position = storedAxis(axis, first.layout)
    let outer = stored[..<position].reduce(1, *)
    let inner = stored[(position + 1)...].reduce(1, *)
    let total = joined[axis] * inner
    let sizes = tensors.map { $0.shape[axis] }
    return Tensor(shape: joined, layout: first.layout) { destination in
      OpProfile.measure(ValueProblem(op: "concatenate", count: total * outer), "copy") {
        var start = 0
        for part in parts {
          let run = part.shape[axis] * inner
          copyRuns(
            from: part.base, stride: run, into: destination + start, stride: total, length: run,
            count: outer)
          start += run
        }
      }
      withExtendedLifetime(parts) {}
    }.attached(to: tensors.map(\.gradient)) { gradients, _ in
      guard let gradient = gradients[0] else { return [] }
      var start = 0
      return sizes.map { size in
        defer { start += size }
        return gradient.slice(axis: axis, start..<start + size)
      }
    }
  }
}

/// Copies equally long runs between strided places, in parallel when there are many bytes.
private func copyRuns(
  from source: UnsafePointer<Float>, stride sourceStride: Int,
  into destination: UnsafeMutablePointer<Float>, stride destinationStride: Int, length: Int,
  count: Int
) {
  guard length > 0 else { return }
  let piece = 1 << 16
  if length >= 2 * piece {
    for run in 0..<count {
      Parallel.run(count: length, grain: piece) { range in
        (destination + run * destinationStride + range.lowerBound).update(
          from: source + run * sourceStride + range.lowerBound, count: range.count)
      }
    }
    return
  }
  Parallel.run(count: count, grain: max(1, piece / length)) { runs in
    for run in runs {
      (destination + run * destinationStride).update(
        from: source + run * sourceStride, count: length)
    }
  }
}
