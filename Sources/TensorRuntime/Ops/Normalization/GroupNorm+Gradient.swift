extension GroupNorm {
  /// The normalisation with its way back, which keeps the input alone and normalises it again.
  func differentiable(_ x: Tensor, activation: Activation) -> Tensor {
    let input = x.channelsLast().withGradient(nil)
    let edges = [x.gradient, trained?.weight.edge, trained?.bias.edge]
    let wantsInput = x.gradient != nil
    return apply(input, activation: activation).attached(to: edges) { gradients, _ in
      guard var gradient = gradients[0]?.channelsLast() else { return [] }
      if activation != .none {
        gradient = activationGradient(apply(input, activation: .none), gradient, activation)
      }
      let found = inputGradient(input, gradient)
      return [
        wantsInput ? found.input : nil, trained.map { _ in found.weight },
        trained.map { _ in found.bias },
      ]
    }
  }

  private func inputGradient(
    _ x: Tensor, _ gradient: Tensor
  ) -> (input: Tensor, weight: Tensor, bias: Tensor) {
    let size = x.featureMapSize
    let problem = GroupNormProblem(
      batch: size.batch, pixels: size.height * size.width, channels: size.channels,
      groups: groups, eps: eps, activation: .none)
    let weight = Storage(count: size.channels)
    let bias = Storage(count: size.channels)
    let (gain, _) = affine
    let input = withTensors(x, gradient) {
      Tensor(shape: x.shape, layout: .channelsLast) { destination in
        let implementation = GroupNormTable.gradients.choose(problem)
        OpProfile.measure(problem, implementation.name) {
          implementation.body(
            GroupNormGradientCall(
              problem: problem, input: x.base, gradient: gradient.base, weight: gain.pointer,
              output: destination, weightGradient: weight.pointer, biasGradient: bias.pointer))
        }
        withExtendedLifetime(gain) {}
      }
    }
    func parameter(_ storage: Storage) -> Tensor {
      Tensor(shape: [size.channels], layout: .contiguous, storage: storage, offset: 0)
    }
    return (input, parameter(weight), parameter(bias))
  }
}

/// A problem with its operands; all feature maps are [batch, pixels, channels].
struct GroupNormGradientCall {
  let problem: GroupNormProblem
  let input: UnsafePointer<Float>
  /// Of the result.
  let gradient: UnsafePointer<Float>
  /// [channels].
  let weight: UnsafePointer<Float>
  /// Receives the gradient of the input.
  let output: UnsafeMutablePointer<Float>
  /// [channels].
  let weightGradient: UnsafeMutablePointer<Float>
  /// [channels].
  let biasGradient: UnsafeMutablePointer<Float>
}

extension GroupNormTable {
  typealias GradientBody = @Sendable (GroupNormGradientCall) -> Void

  static let gradients = DispatchTable(
    op: "group_norm_gradient",
    implementations: [
      Implementation<GroupNormProblem, GradientBody>(
        name: "portable", isa: .generic, body: { GroupNormGradient(call: $0, block: 64).run() }),
      // One block at a time leaves all sums to double precision.
      Implementation<GroupNormProblem, GradientBody>(
        name: "reference", isa: .reference, body: { GroupNormGradient(call: $0, block: 1).run() }),
    ])
}

/// Three passes over memory: statistics, sums of the gradients per channel, then the gradients.
///
/// With y = w·n + b and n = (x - mean) / deviation, the gradient of x in a group of N values is
/// (g·w - (Σ g·w + n · Σ g·w·n) / N) / deviation.
private struct GroupNormGradient {
  let call: GroupNormGradientCall
  /// Pixels whose sums are taken in single precision.
  let block: Int

  private var problem: GroupNormProblem { call.problem }
  private var blocks: Int { (problem.pixels + block - 1) / block }

  func run() {
    let channels = problem.channels
    // Per sample: mean and inverse deviation of each group, then both sums of each channel.
    Scratch.doubles(problem.batch * (2 * problem.groups + 2 * channels)) { memory in
      let stride = 2 * problem.groups + 2 * channels
      for sample in 0..<problem.batch {
        let own = memory + sample * stride
        statistics(sample, into: own)
        sums(sample, own, into: own + 2 * problem.groups)
      }
      for channel in 0..<channels {
        var totals = (weight: 0.0, bias: 0.0)
        for sample in 0..<problem.batch {
          let sums = memory + sample * stride + 2 * problem.groups
          totals.bias += sums[2 * channel]
          totals.weight += sums[2 * channel + 1]
        }
        call.weightGradient[channel] = Float(totals.weight)
        call.biasGradient[channel] = Float(totals.bias)
      }
      for sample in 0..<problem.batch { write(sample, memory + sample * stride) }
    }
  }

  /// Adds up a function of each pixel's channels: per block in single precision, then in order.
  private func channelSums(
    _ count: Int, into totals: UnsafeMutablePointer<Double>,
    _ add: (_ pixel: Int, _ sums: UnsafeMutablePointer<Float>) -> Void
  ) {
    Scratch.floats(blocks * count) { partial in
      Parallel.run(count: blocks, grain: 1) { range in
        for index in range {
          let sums = partial + index * count
          sums.update(repeating: 0, count: count)
          let first = index * block
          for pixel in first..<min(problem.pixels, first + block) { add(pixel, sums) }
        }
      }
      totals.update(repeating: 0, count: count)
      for index in 0..<blocks {
        for place in 0..<count { totals[place] += Double(partial[index * count + place]) }
      }
    }
  }

  private func statistics(_ sample: Int, into result: UnsafeMutablePointer<Double>) {
    let channels = problem.channels
    let input = call.input + sample * problem.pixels * channels
    let width = problem.channelsPerGroup
    let count = Double(problem.pixels * width)
    Scratch.doubles(channels) { totals in
      channelSums(channels, into: totals) { addInPlace($1, input + $0 * channels, channels) }
      for group in 0..<problem.groups {
        let own = group * width..<(group + 1) * width
        result[2 * group] = own.reduce(0) { $0 + totals[$1] } / count
      }
      withChannelMeans(result) { means in
        channelSums(channels, into: totals) { pixel, sums in
          let source = input + pixel * channels
          for channel in 0..<channels {
            let deviation = source[channel] - means[channel]
            sums[channel] += deviation * deviation
          }
        }
      }
      for group in 0..<problem.groups {
        let own = group * width..<(group + 1) * width
        let variance = own.reduce(0) { $0 + totals[$1] } / count
        result[2 * group + 1] = 1 / (variance + Double(problem.eps)).squareRoot()
      }
    }
  }

  private func withChannelMeans(
    _ statistics: UnsafePointer<Double>, _ body: (UnsafePointer<Float>) -> Void
  ) {
    Scratch.floats(problem.channels) { means in
      for channel in 0..<problem.channels {
        means[channel] = Float(statistics[2 * (channel / problem.channelsPerGroup)])
      }
      body(means)
    }
  }

  /// Per channel the sum of g, and of g·n.
  private func sums(
    _ sample: Int, _ statistics: UnsafePointer<Double>, into result: UnsafeMutablePointer<Double>
  ) {
    let channels = problem.channels
    let start = sample * problem.pixels * channels
    Scratch.doubles(2 * channels) { totals in
      withChannelMeans(statistics) { means in
        channelSums(2 * channels, into: totals) { pixel, sums in
          let source = call.input + start + pixel * channels
          let gradient = call.gradient + start + pixel * channels
          let products = sums + channels
          for channel in 0..<channels {
            sums[channel] += gradient[channel]
            products[channel] += gradient[channel] * (source[channel] - means[channel])
          }
        }
      }
      for channel in 0..<channels {
        let inverse = statistics[2 * (channel / problem.channelsPerGroup) + 1]
        result[2 * channel] = totals[channel]
        result[2 * channel + 1] = totals[channels + channel] * inverse
      }
    }
  }

  /// The gradient of the input is, per channel, a sum of g and x - mean with factors, and a constant.
  private func write(_ sample: Int, _ memory: UnsafePointer<Double>) {
    let channels = problem.channels
    let width = problem.channelsPerGroup
    let count = Double(problem.pixels * width)
    let sums = memory + 2 * problem.groups
    let start = sample * problem.pixels * channels
    Scratch.floats(4 * channels) { factors in
      let (means, gains) = (factors, factors + channels)
      let (slopes, shifts) = (factors + 2 * channels, factors + 3 * channels)
      for channel in 0..<channels {
        let group = channel / width
        let (mean, inverse) = (memory[2 * group], memory[2 * group + 1])
        var (plain, product) = (0.0, 0.0)
        for other in group * width..<(group + 1) * width {
          plain += sums[2 * other] * Double(call.weight[other])
          product += sums[2 * other + 1] * Double(call.weight[other])
        }
        means[channel] = Float(mean)
        gains[channel] = Float(Double(call.weight[channel]) * inverse)
        slopes[channel] = Float(-product / count * inverse * inverse)
        shifts[channel] = Float(-plain / count * inverse)
      }
      Parallel.run(count: problem.pixels, grain: 256) { pixels in
        for pixel in pixels {
          let place = start + pixel * channels
          let (x, g, y) = (call.input + place, call.gradient + place, call.output + place)
          for channel in 0..<channels {
            y[channel] =
              g[channel] * gains[channel] + (x[channel] - means[channel]) * slopes[channel]
              + shifts[channel]
          }
        }
      }
    }
  }
}
