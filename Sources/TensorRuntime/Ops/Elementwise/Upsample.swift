/// Maps an enlarged index to the source index, as torch's nearest interpolation to a size does:
/// floor(index · float32(from / to)), limited to the last one.
struct NearestIndex: Sendable {
  private let ratio: Float
  private let last: Int
  private let isIdentity: Bool
  private let isDouble: Bool

  init(from source: Int, to target: Int) {
    ratio = target > 0 ? Float(source) / Float(target) : 0
    last = source - 1
    isIdentity = source == target
    isDouble = target == 2 * source
  }

  @inline(__always)
  func source(_ index: Int) -> Int {
    if isIdentity { return index }
    return isDouble ? index &>> 1 : min(Int(Float(index) * ratio), last)
  }
}

/// Enlarges or shrinks a feature map by nearest neighbour to a size, as torch's
/// `interpolate(size:, mode: "nearest")` does.
///
/// Doubling gives the same as a scale factor of two.
///
/// - Parameters:
///   - x: [B, C, H, W], any layout.
///   - height: Rows of the result.
///   - width: Columns of the result.
/// - Returns: [B, C, height, width], channels-last.
public func upsampleNearest(_ x: Tensor, height: Int, width: Int) -> Tensor {
  let size = x.featureMapSize
  precondition(
    size.height > 0 && size.width > 0 && height >= 0 && width >= 0,
    "cannot resize \(x.shape) to \(height)x\(width)")
  let map = x.channelsLast()
  let rows = NearestIndex(from: size.height, to: height)
  let columns = NearestIndex(from: size.width, to: width)
  let channels = size.channels
  let own = x.shape
  return withTensors(map) {
    Tensor(shape: [size.batch, channels, height, width], layout: .channelsLast) { destination in
      let grain = max(1, elementwiseGrain / max(1, width * channels))
      Parallel.run(count: size.batch * height, grain: grain) { lines in
        for line in lines {
          let sourceLine = line / height * size.height + rows.source(line % height)
          let source = map.base + sourceLine * size.width * channels
          let target = destination + line * width * channels
          for column in 0..<width {
            (target + column * channels).update(
              from: source + columns.source(column) * channels, count: channels)
          }
        }
      }
    }
  }.recorded(from: x) { upsampleNearestGradient($0, height: own[2], width: own[3]) }
}

/// The gradient of the map that was enlarged: the sum over the places that each pixel went to.
func upsampleNearestGradient(_ gradient: Tensor, height: Int, width: Int) -> Tensor {
  let size = gradient.featureMapSize
  let map = gradient.channelsLast()
  let (channels, rows) = (size.channels, NearestIndex(from: height, to: size.height))
  let columns = NearestIndex(from: width, to: size.width)
  let sources = (0..<size.height).map(rows.source)
  return withTensors(map) {
    Tensor(shape: [size.batch, channels, height, width], layout: .channelsLast) { destination in
      Parallel.run(count: size.batch * height, grain: 1) { lines in
        for line in lines {
          let target = destination + line * width * channels
          target.update(repeating: 0, count: width * channels)
          for row in sources.indices where sources[row] == line % height {
            let source = map.base + (line / height * size.height + row) * size.width * channels
            for column in 0..<size.width {
              addInPlace(
                target + columns.source(column) * channels, source + column * channels, channels)
            }
          }
        }
      }
    }
  }
}
