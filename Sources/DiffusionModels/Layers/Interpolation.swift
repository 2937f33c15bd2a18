import TensorRuntime

/// The ways to resize a feature map, under torch's names (`interpolate(size:, mode:)`).
public enum InterpolationMethod: String, CaseIterable, Sendable {
  /// Takes the nearest pixel, measured from the pixels' centres.
  case nearestExact = "nearest-exact"
  /// Takes the nearest pixel, measured from the pixels' corners.
  case nearest
  /// Mixes two by two pixels, weighted by distance.
  case bilinear
  /// Mixes four by four pixels, by Keys' cubic with a = -3/4.
  case bicubic
  /// Takes the mean of the pixels that a new one covers.
  case area
}

/// Resizes a feature map as torch's `interpolate` does without `align_corners` and `antialias`.
///
/// - Parameters:
///   - x: [B, C, H, W], no side 0.
///   - height: Rows of the result.
///   - width: Columns of the result.
///   - method: How pixels are mixed.
/// - Returns: [B, C, height, width].
public func interpolated(
  _ x: Tensor, height: Int, width: Int, method: InterpolationMethod
) -> Tensor {
  precondition(x.shape.count == 4 && x.count > 0, "cannot resize \(x.shape)")
  let size = (height: x.shape[2], width: x.shape[3])
  let rows = AxisTaps(from: size.height, to: height, method: method)
  let columns = AxisTaps(from: size.width, to: width, method: method)
  let plane = size.height * size.width
  let values = x.floats()
  var result: [Float] = []
  result.reserveCapacity(x.count / plane * height * width)
  for start in stride(from: 0, to: values.count, by: plane) {
    mix(values[start..<start + plane], width: size.width, rows, columns, into: &result)
  }
  return Tensor(result, shape: [x.shape[0], x.shape[1], height, width])
}

/// Resizes one plane, first along its rows and then along its columns.
private func mix(
  _ plane: ArraySlice<Float>, width: Int, _ rows: AxisTaps, _ columns: AxisTaps,
  into result: inout [Float]
) {
  for row in rows.taps {
    for column in columns.taps {
      var sum: Float = 0
      for (y, rowWeight) in zip(row.indices, row.weights) {
        let start = plane.startIndex + y * width
        var line: Float = 0
        for (x, weight) in zip(column.indices, column.weights) { line += weight * plane[start + x] }
        sum += rowWeight * line
      }
      result.append(sum)
    }
  }
}

/// The source positions of every target position along one axis, and their weights.
private struct AxisTaps {
  var taps: [(indices: [Int], weights: [Float])]

  init(from sources: Int, to targets: Int, method: InterpolationMethod) {
    let scale = Float(sources) / Float(targets)
    let last = sources - 1
    taps = (0..<targets).map { target in
      let middle = scale * (Float(target) + 0.5)
      switch method {
      case .nearestExact: return ([min(Int(middle), last)], [1])
      case .nearest: return ([min(Int(Float(target) * scale), last)], [1])
      case .bilinear:
        let position = max(0, middle - 0.5)
        let first = min(Int(position), last)
        let share = min(max(position - Float(first), 0), 1)
        return ([first, min(first + 1, last)], [1 - share, share])
      case .bicubic:
        let position = middle - 0.5
        let base = Int(position.rounded(.down))
        let t = position - Float(base)
        return (
          (-1...2).map { min(max(base + $0, 0), last) },
          [outer(t + 1), inner(t), inner(1 - t), outer(2 - t)]
        )
      case .area:
        let covered = target * sources / targets..<((target + 1) * sources + targets - 1) / targets
        let share = 1 / Float(covered.count)
        return (Array(covered), Array(repeating: share, count: covered.count))
      }
    }
  }
}

/// The parameter a of Keys' cubic.
private let sharpness: Float = -0.75

private func inner(_ x: Float) -> Float { ((sharpness + 2) * x - (sharpness + 3)) * x * x + 1 }

private func outer(_ x: Float) -> Float {
  ((sharpness * x - 5 * sharpness) * x + 8 * sharpness) * x - 4 * sharpness
}
