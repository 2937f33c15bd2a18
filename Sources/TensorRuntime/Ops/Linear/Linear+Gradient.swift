extension Linear {
  /// The layer with its way back; the activation is a step of its own, so that its input is kept.
  func differentiable(_ x: Tensor, residual: Tensor?, activation: Activation) -> Tensor {
    let input = trained == nil ? nil : x.withGradient(nil).contiguous()
    let wantsInput = x.gradient != nil
    var sum = apply(x, residual: residual, activation: .none)
      .attached(to: [x.gradient, residual?.gradient, trained?.edge]) { gradients, _ in
        guard let gradient = gradients[0]?.contiguous() else { return [] }
        return [
          wantsInput ? parameters.transposed(gradient) : nil, gradient,
          input.map { weightGradient($0, gradient) },
        ]
      }
    if let adapter { sum = sum + adapter.change(x) }
    return activate(sum, activation)
  }

  /// The first half of the last dimension times the GELU of the second, with its way back.
  func differentiableGated(_ x: Tensor) -> Tensor {
    let both = differentiable(x, residual: nil, activation: .none)
    let plain = both.withGradient(nil)
    return gated(plain).recorded(from: both) { gatedGradient(plain, $0) }
  }

  /// The gradient of the weights, [O, I].
  private func weightGradient(_ x: Tensor, _ gradient: Tensor) -> Tensor {
    let (rows, inputs, outputs) = (x.count / max(1, inputs), inputs, outputs)
    let columns = 256
    return withTensors(x, gradient) {
      Tensor(shape: [outputs, inputs]) { destination in
        Parallel.run(count: inputs, grain: columns) { range in
          BLAS.multiply(
            (outputs, range.count, rows),
            BLAS.Matrix(pointer: gradient.base, stride: outputs, transposed: true),
            BLAS.Matrix(pointer: x.base + range.lowerBound, stride: inputs),
            into: (destination + range.lowerBound, inputs))
        }
      }
    }
  }
}

extension LinearParameters {
  /// The layer that takes gradients of outputs to those of inputs.
  var transposed: Linear {
    backward.kernel("input") {
      let (outputs, inputs) = (outputs, inputs)
      return Linear(
        weight: RawTensor(shape: [inputs, outputs]) { [weight] destination in
          let plain = weight.alignedFloats()
          transpose(plain.pointer, rows: outputs, columns: inputs, into: destination)
        }, bias: nil)
    }
  }
}

/// value · gelu(gate), of rows that hold the values and then the gates.
private func gated(_ both: Tensor) -> Tensor {
  let width = (both.shape.last ?? 0) / 2
  let rows = both.count / max(1, 2 * width)
  return withTensors(both) {
    Tensor(shape: both.shape.dropLast() + [width]) { destination in
      Parallel.run(count: rows, grain: max(1, elementwiseGrain / 8 / max(1, width))) { range in
        for row in range {
          let values = both.base + row * 2 * width
          let target = destination + row * width
          for index in 0..<width {
            target[index] = values[index] * FastMath.gelu(values[width &+ index])
          }
        }
      }
    }
  }
}

private func gatedGradient(_ both: Tensor, _ gradient: Tensor) -> Tensor {
  let gradient = gradient.contiguous()
  let width = (both.shape.last ?? 0) / 2
  let rows = both.count / max(1, 2 * width)
  return withTensors(both, gradient) {
    Tensor(shape: both.shape) { destination in
      Parallel.run(count: rows, grain: max(1, elementwiseGrain / 8 / max(1, width))) { range in
        for row in range {
          let values = both.base + row * 2 * width
          let source = gradient.base + row * width
          let target = destination + row * 2 * width
          for index in 0..<width {
            let gate = values[width &+ index]
            target[index] = source[index] * FastMath.gelu(gate)
            target[width &+ index] =
              source[index] * values[index] * FastMath.geluDerivative(gate)
          }
        }
      }
    }
  }
}

extension LowRankAdapter {
  /// What the adapter adds to the result of a linear layer.
  func change(_ x: Tensor) -> Tensor { Linear(weight: up)(Linear(weight: down)(x)) * scale }
}
