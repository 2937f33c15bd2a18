/// Normalises in two passes over memory: the first takes the statistics of blocks of pixels, which
/// are merged in order, the second scales and shifts.
///
/// Within a block, deviations are taken from the block's own means while it is in cache, and the
/// mean is subtracted before scaling, so that a large mean costs no precision.
func portableGroupNorm(_ call: GroupNormCall) {
  let problem = call.problem
  let blockPixels = max(1, min(64, (1 << 15) / problem.channels))
  let blocks = (problem.pixels + blockPixels - 1) / blockPixels
  // Per block and group: the mean and the sum of squared deviations from it.
  Scratch.doubles(problem.batch * blocks * problem.groups * 2) { statistics in
    Parallel.run(count: problem.batch * blocks, grain: max(1, 512 / blockPixels)) { parts in
      for part in parts {
        let pixels = blockRange(part % blocks, blockPixels, problem.pixels)
        let first = part / blocks * problem.pixels + pixels.lowerBound
        blockStatistics(
          call, firstPixel: first, pixels: pixels.count,
          into: statistics + part * problem.groups * 2)
      }
    }
    // Per image and channel: mean and scale.
    Scratch.floats(problem.batch * problem.channels * 2) { factors in
      for image in 0..<problem.batch {
        mergeStatistics(
          call, statistics + image * blocks * problem.groups * 2, blockPixels: blockPixels,
          into: factors + image * problem.channels * 2)
      }
      Parallel.run(count: problem.batch * problem.pixels, grain: 512) { pixels in
        for pixel in pixels {
          let place = pixel * problem.channels
          normalize(
            call, call.input + place, factors + pixel / problem.pixels * problem.channels * 2,
            into: call.output + place)
          problem.activation.apply(call.output + place, count: problem.channels)
        }
      }
    }
  }
}

private func blockRange(_ block: Int, _ size: Int, _ count: Int) -> Range<Int> {
  block * size..<min(count, (block + 1) * size)
}

/// Normalises the channels of one pixel; `factors` holds the means, then the scales.
private func normalize(
  _ call: GroupNormCall, _ source: UnsafePointer<Float>, _ factors: UnsafePointer<Float>,
  into destination: UnsafeMutablePointer<Float>
) {
  let channels = call.problem.channels
  let scales = factors + channels
  let bias = call.bias
  for index in 0..<channels {
    destination[index] = (source[index] - factors[index]) * scales[index] + bias[index]
  }
}

/// Writes mean and squared deviations of each group over a run of pixels.
private func blockStatistics(
  _ call: GroupNormCall, firstPixel: Int, pixels: Int, into result: UnsafeMutablePointer<Double>
) {
  let problem = call.problem
  let channels = problem.channels
  let width = problem.channelsPerGroup
  let input = call.input + firstPixel * channels
  Scratch.floats(channels * 2) { sums in
    let means = sums + channels
    sums.update(repeating: 0, count: channels)
    for pixel in 0..<pixels { addInPlace(sums, input + pixel * channels, channels) }
    for group in 0..<problem.groups {
      var sum = 0.0
      for channel in group * width..<(group + 1) * width { sum += Double(sums[channel]) }
      let mean = sum / Double(pixels * width)
      result[group * 2] = mean
      (means + group * width).update(repeating: Float(mean), count: width)
    }
    sums.update(repeating: 0, count: channels)
    for pixel in 0..<pixels { addSquares(sums, input + pixel * channels, means, channels) }
    for group in 0..<problem.groups {
      var sum = 0.0
      for channel in group * width..<(group + 1) * width { sum += Double(sums[channel]) }
      result[group * 2 + 1] = sum
    }
  }
}

private func addSquares(
  _ sums: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>,
  _ means: UnsafePointer<Float>, _ count: Int
) {
  for index in 0..<count {
    let deviation = source[index] - means[index]
    sums[index] += deviation * deviation
  }
}

/// Merges the blocks of one image in order and writes each channel's mean and scale.
private func mergeStatistics(
  _ call: GroupNormCall, _ statistics: UnsafePointer<Double>, blockPixels: Int,
  into factors: UnsafeMutablePointer<Float>
) {
  let problem = call.problem
  let width = problem.channelsPerGroup
  let blocks = (problem.pixels + blockPixels - 1) / blockPixels
  for group in 0..<problem.groups {
    var count = 0.0
    var mean = 0.0
    var squares = 0.0
    for block in 0..<blocks {
      let added = Double(blockRange(block, blockPixels, problem.pixels).count * width)
      let place = (block * problem.groups + group) * 2
      let difference = statistics[place] - mean
      let total = count + added
      squares += statistics[place + 1] + difference * difference * count * added / total
      mean += difference * added / total
      count = total
    }
    let inverse = 1 / (squares / count + Double(problem.eps)).squareRoot()
    for channel in group * width..<(group + 1) * width {
      factors[channel] = Float(mean)
      factors[problem.channels + channel] = Float(inverse * Double(call.weight[channel]))
    }
  }
}
