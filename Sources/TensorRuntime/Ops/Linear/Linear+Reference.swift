/// Computes a linear layer by plain loops in double precision.
struct ReferenceLinear: LinearKernel {
  private let weight: FloatView
  private let bias: FloatView?

  init(_ parameters: LinearParameters) {
    weight = parameters.plainWeight
    bias = parameters.bias
  }

  func run(_ call: LinearCall) {
    let problem = call.problem
    let width = problem.gated ? problem.outputs / 2 : problem.outputs
    Parallel.run(count: problem.rows, grain: 1) { rows in
      for row in rows {
        for column in 0..<width {
          var value = product(call, row, column)
          if problem.gated {
            value *= problem.activation.reference(product(call, row, column + width))
          } else {
            if let residual = call.residual { value += Double(residual[row * width + column]) }
            value = problem.activation.reference(value)
          }
          call.output[row * width + column] = Float(value)
        }
      }
    }
  }

  private func product(_ call: LinearCall, _ row: Int, _ column: Int) -> Double {
    let inputs = call.problem.inputs
    let x = call.input + row * inputs
    let w = weight.pointer + column * inputs
    var sum = 0.0
    for index in 0..<inputs { sum += Double(x[index]) * Double(w[index]) }
    return sum + (bias.map { Double($0.pointer[column]) } ?? 0)
  }
}
