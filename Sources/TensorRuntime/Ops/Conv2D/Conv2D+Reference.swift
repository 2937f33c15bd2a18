/// Computes convolutions by plain loops in double precision.
struct ReferenceConv: ConvKernel {
  private let weight: FloatView
  private let bias: FloatView?

  init(_ parameters: ConvParameters) {
    weight = parameters.plainWeight
    bias = parameters.bias
  }

  func run(_ call: ConvCall) {
    let problem = call.problem
    let rows = NearestIndex(from: problem.sourceHeight, to: problem.height)
    let columns = NearestIndex(from: problem.sourceWidth, to: problem.width)
    Parallel.run(count: problem.outputPixels, grain: 1) { pixels in
      for pixel in pixels {
        let image = pixel / (problem.outputHeight * problem.outputWidth)
        for output in 0..<problem.outputChannels {
          let place = pixel * problem.outputChannels + output
          var value = sum(call, pixel, output, rows, columns)
          if let bias { value += Double(bias.pointer[output]) }
          if let term = call.perChannel {
            value += Double(term[image * problem.outputChannels + output])
          }
          if let residual = call.residual { value += Double(residual[place]) }
          call.output[place] = Float(problem.activation.reference(value))
        }
      }
    }
  }

  private func sum(
    _ call: ConvCall, _ pixel: Int, _ output: Int, _ rows: NearestIndex, _ columns: NearestIndex
  ) -> Double {
    let problem = call.problem
    let image = pixel / (problem.outputHeight * problem.outputWidth)
    let outputRow = pixel / problem.outputWidth % problem.outputHeight
    let outputColumn = pixel % problem.outputWidth
    var total = 0.0
    for kernelRow in 0..<problem.kernelHeight {
      let row = outputRow * problem.stride + kernelRow - problem.padding.top
      guard row >= 0 && row < problem.height else { continue }
      for kernelColumn in 0..<problem.kernelWidth {
        let column = outputColumn * problem.stride + kernelColumn - problem.padding.left
        guard column >= 0 && column < problem.width else { continue }
        let line = image * problem.sourceHeight + rows.source(row)
        let x =
          call.input
          + (line * problem.sourceWidth + columns.source(column)) * problem.inputChannels
        for channel in 0..<problem.inputChannels {
          let tap =
            ((output * problem.inputChannels + channel) * problem.kernelHeight + kernelRow)
            * problem.kernelWidth + kernelColumn
          total += Double(x[channel]) * Double(weight.pointer[tap])
        }
      }
    }
    return total
  }
}
