extension LayerNorm {
  /// The normalisation with its way back.
  func differentiable(_ x: Tensor) -> Tensor {
    let input = x.withGradient(nil).contiguous()
    return apply(input).recorded(from: x) { inputGradient(input, $0.contiguous()) }
  }

  private func inputGradient(_ x: Tensor, _ gradient: Tensor) -> Tensor {
    let problem = LayerNormProblem(
      rows: x.count / max(1, weight.count), width: weight.count, eps: eps)
    return withTensors(x, gradient) {
      Tensor(shape: x.shape) { destination in
        let implementation = LayerNormTable.gradients.choose(problem)
        OpProfile.measure(problem, implementation.name) {
          implementation.body(
            LayerNormGradientCall(
              problem: problem, input: x.base, gradient: gradient.base, weight: weight.pointer,
              output: destination))
        }
      }
    }
  }
}

/// A problem with its operands, [rows, width] each, but for the weight of [width].
struct LayerNormGradientCall {
  let problem: LayerNormProblem
  let input: UnsafePointer<Float>
  /// Of the result.
  let gradient: UnsafePointer<Float>
  let weight: UnsafePointer<Float>
  /// Receives the gradient of the input.
  let output: UnsafeMutablePointer<Float>
}

extension LayerNormTable {
  typealias GradientBody = @Sendable (LayerNormGradientCall) -> Void

  static let gradients = DispatchTable(
    op: "layer_norm_gradient",
    implementations: [
      Implementation<LayerNormProblem, GradientBody>(
        name: "portable", isa: .generic, body: { portableLayerNormGradient($0) }),
      Implementation<LayerNormProblem, GradientBody>(
        name: "reference", isa: .reference, body: { referenceLayerNormGradient($0) }),
    ])
}

/// With n = (x - mean) / deviation, the gradient of a row is (g·w - mean(g·w) - n · mean(g·w·n)) / deviation.
private func referenceLayerNormGradient(_ call: LayerNormGradientCall) {
  let width = call.problem.width
  Parallel.run(count: call.problem.rows, grain: 16) { rows in
    for row in rows {
      let x = (0..<width).map { Double(call.input[row * width + $0]) }
      let g = (0..<width).map { Double(call.gradient[row * width + $0]) * Double(call.weight[$0]) }
      let mean = x.reduce(0, +) / Double(width)
      let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      let inverse = 1 / (variance + Double(call.problem.eps)).squareRoot()
      let plain = g.reduce(0, +) / Double(width)
      let product = zip(x, g).reduce(0) { $0 + ($1.0 - mean) * inverse * $1.1 } / Double(width)
      for index in 0..<width {
        let normal = (x[index] - mean) * inverse
        call.output[row * width + index] = Float((g[index] - plain - normal * product) * inverse)
      }
    }
  }
}

/// The same in single precision, with independent partial sums that vectorise.
private func portableLayerNormGradient(_ call: LayerNormGradientCall) {
  let width = call.problem.width
  let grain = max(1, elementwiseGrain / max(1, width))
  Parallel.run(count: call.problem.rows, grain: grain, scratch: 2 * width) { rows, memory in
    let (weighted, normal) = (memory, memory + width)
    for row in rows {
      let x = call.input + row * width
      let g = call.gradient + row * width
      let y = call.output + row * width
      let mean = VectorMath.sum(x, width) / Float(width)
      let variance = VectorMath.sumOfSquares(x, minus: mean, width) / Float(width)
      let inverse = 1 / (variance + call.problem.eps).squareRoot()
      for index in 0..<width {
        weighted[index] = g[index] * call.weight[index]
        normal[index] = (x[index] - mean) * inverse
        y[index] = weighted[index] * normal[index]
      }
      let plain = VectorMath.sum(weighted, width) / Float(width)
      let product = VectorMath.sum(y, width) / Float(width)
      for index in 0..<width {
        y[index] = (weighted[index] - plain - normal[index] * product) * inverse
      }
    }
  }
}
