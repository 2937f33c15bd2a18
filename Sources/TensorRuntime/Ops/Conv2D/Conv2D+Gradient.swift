extension Conv2D {
  /// The convolution with its way back; the activation is a step of its own, so that its input is kept.
  func differentiable(
    _ x: Tensor, residual: Tensor?, activation: Activation, perChannel: Tensor?,
    upsampledTo size: (height: Int, width: Int)?
  ) -> Tensor {
    let shape = x.shape
    // The input is needed for the gradient of the weights alone.
    let input = trained == nil ? nil : x.withGradient(nil)
    let wantsInput = x.gradient != nil
    let wantsPerChannel = perChannel?.gradient != nil
    let edges = [x.gradient, residual?.gradient, perChannel?.gradient, trained?.edge]
    var sum = apply(x, residual: residual, perChannel: perChannel, upsampledTo: size)
      .attached(to: edges) { gradients, _ in
        guard let gradient = gradients[0]?.channelsLast() else { return [] }
        return [
          wantsInput ? inputGradient(gradient, shape: shape, enlarged: size) : nil, gradient,
          wantsPerChannel ? gradient.pixelSums() : nil,
          input.map { weightGradient(enlarged($0, size), gradient) },
        ]
      }
    if let adapter { sum = sum + adapter.change(of: self, x, upsampledTo: size) }
    return activate(sum, activation)
  }

  private func enlarged(_ x: Tensor, _ size: (height: Int, width: Int)?) -> Tensor {
    guard let size else { return x.channelsLast() }
    return upsampleNearest(x, height: size.height, width: size.width)
  }

  /// The gradient of the input: a convolution of the result's gradient with flipped, transposed
  /// weights, on the same kernels as the forward one.
  private func inputGradient(
    _ gradient: Tensor, shape: [Int], enlarged size: (height: Int, width: Int)?
  ) -> Tensor {
    let p = parameters
    let height = size?.height ?? shape[2]
    let width = size?.width ?? shape[3]
    let rows = height + p.padding.top + p.padding.bottom - p.kernelHeight + 1
    let columns = width + p.padding.left + p.padding.right - p.kernelWidth + 1
    let dense = p.stride == 1 ? gradient : gradient.spread(by: p.stride, to: (rows, columns))
    let result = p.flipped(largeTileMap: largeTileMap)(dense)
    guard size != nil else { return result }
    return upsampleNearestGradient(result, height: shape[2], width: shape[3])
  }

  /// The gradient of the weights, [O, I, kh, kw], by products over rows of pixels.
  private func weightGradient(_ x: Tensor, _ gradient: Tensor) -> Tensor {
    let p = parameters
    let problem = ConvWeightProblem(
      x: x.featureMapSize, gradient: gradient.featureMapSize, kernelHeight: p.kernelHeight,
      kernelWidth: p.kernelWidth, stride: p.stride, padding: p.padding)
    return withTensors(x, gradient) { problem.run(x.base, gradient.base) }
  }
}

extension ConvParameters {
  /// The convolution that takes gradients of outputs to those of inputs, at stride 1.
  func flipped(largeTileMap: Int) -> Conv2D {
    backward.kernel("input") {
      precondition(
        padding.top < kernelHeight && padding.bottom < kernelHeight && padding.left < kernelWidth
          && padding.right < kernelWidth, "the gradient of a convolution padded beyond its kernel")
      let (height, width) = (kernelHeight, kernelWidth)
      return Conv2D(
        weight: flippedWeight, bias: nil,
        padding: Padding(
          top: height - 1 - padding.top, left: width - 1 - padding.left,
          bottom: height - 1 - padding.bottom, right: width - 1 - padding.right),
        largeTileMap: largeTileMap)
    }
  }

  /// [I, O, kh, kw], each kernel turned by half a circle; computed whenever it is packed.
  private var flippedWeight: RawTensor {
    let (outputs, inputs, taps) = (outputChannels, inputChannels, kernelHeight * kernelWidth)
    return RawTensor(shape: [inputs, outputs, kernelHeight, kernelWidth]) { [weight] destination in
      let plain = weight.alignedFloats()
      Parallel.run(count: inputs, grain: max(1, (1 << 15) / (outputs * taps))) { range in
        for input in range {
          for output in 0..<outputs {
            let source = plain.pointer + (output * inputs + input) * taps
            let target = destination + (input * outputs + output) * taps
            for tap in 0..<taps { target[tap] = source[taps - 1 - tap] }
          }
        }
      }
    }
  }
}

extension Tensor {
  /// The same values `step` pixels apart on a map of zeros.
  fileprivate func spread(by step: Int, to size: (rows: Int, columns: Int)) -> Tensor {
    let own = featureMapSize
    let channels = own.channels
    return Tensor(
      shape: [own.batch, channels, size.rows, size.columns], layout: .channelsLast
    ) { destination in
      Parallel.run(count: own.batch * size.rows, grain: 1) { lines in
        for line in lines {
          let target = destination + line * size.columns * channels
          target.update(repeating: 0, count: size.columns * channels)
          let row = line % size.rows
          guard row % step == 0, row / step < own.height else { continue }
          let source = base + (line / size.rows * own.height + row / step) * own.width * channels
          for column in 0..<own.width {
            (target + column * step * channels).update(
              from: source + column * channels, count: channels)
          }
        }
      }
      withExtendedLifetime(storage) {}
    }
  }

  /// The sum over the pixels of each channel of each sample of a channels-last map, [B, C].
  func pixelSums() -> Tensor {
    let size = featureMapSize
    let channels = size.channels
    let pixels = size.height * size.width
    return Tensor(shape: [size.batch, channels]) { destination in
      for sample in 0..<size.batch {
        let source = base + sample * pixels * channels
        Parallel.run(count: channels, grain: 32) { range in
          for channel in range {
            var sum = 0.0
            for pixel in 0..<pixels { sum += Double(source[pixel * channels + channel]) }
            destination[sample * channels + channel] = Float(sum)
          }
        }
      }
      withExtendedLifetime(storage) {}
    }
  }
}

extension LowRankAdapter {
  /// What the adapter adds to the result of a convolution.
  func change(
    of layer: Conv2D, _ x: Tensor, upsampledTo size: (height: Int, width: Int)?
  ) -> Tensor {
    let narrow = Conv2D(
      weight: down, stride: layer.parameters.stride, padding: layer.parameters.padding)
    let wide = Conv2D(weight: up, stride: 1, padding: .none)
    return wide(narrow(x, upsampledTo: size)) * scale
  }
}
