import TensorRuntime

/// Folds squares of pixels into channels: channel c, row dy and column dx of a square become
/// channel (c * factor + dy) * factor + dx.
///
/// - Parameters:
///   - x: [B, C, H, W]; both sides multiples of the factor.
///   - factor: Side of a square.
/// - Returns: [B, C * factor², H / factor, W / factor].
func pixelUnshuffle(_ x: Tensor, factor: Int) -> Tensor {
  let (planes, height, width) = (x.shape[0] * x.shape[1], x.shape[2], x.shape[3])
  precondition(
    height % factor == 0 && width % factor == 0, "\(x.shape) has no whole squares of \(factor)")
  let (rows, columns) = (height / factor, width / factor)
  let source = x.floats()
  var folded: [Float] = []
  folded.reserveCapacity(source.count)
  for plane in 0..<planes {
    for offset in 0..<(factor * factor) {
      let (dy, dx) = (offset / factor, offset % factor)
      for row in 0..<rows {
        let start = (plane * height + row * factor + dy) * width + dx
        for column in 0..<columns { folded.append(source[start + column * factor]) }
      }
    }
  }
  return Tensor(folded, shape: [x.shape[0], x.shape[1] * factor * factor, rows, columns])
}

/// Averages every 2x2 square.
///
/// Where a side is odd, the last squares have one row or column.
///
/// - Parameter x: [B, C, H, W].
/// - Returns: [B, C, ⌈H / 2⌉, ⌈W / 2⌉].
func averageOfFour(_ x: Tensor) -> Tensor {
  let (planes, height, width) = (x.shape[0] * x.shape[1], x.shape[2], x.shape[3])
  let (rows, columns) = ((height + 1) / 2, (width + 1) / 2)
  let source = x.floats()
  var averages: [Float] = []
  averages.reserveCapacity(planes * rows * columns)
  for plane in 0..<planes {
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Float = 0
        var count: Float = 0
        for y in (2 * row)..<min(2 * row + 2, height) {
          for x in (2 * column)..<min(2 * column + 2, width) {
            sum += source[(plane * height + y) * width + x]
            count += 1
          }
        }
        averages.append(sum / count)
      }
    }
  }
  return Tensor(averages, shape: [x.shape[0], x.shape[1], rows, columns]).channelsLast()
}
