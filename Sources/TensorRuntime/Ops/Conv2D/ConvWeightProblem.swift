/// The gradient of a convolution's weights: for each tap a product of the result's gradient with the
/// input that the tap saw.
struct ConvWeightProblem: Sendable {
  typealias Size = (batch: Int, channels: Int, height: Int, width: Int)

  /// The input as the convolution saw it.
  let x: Size
  /// The result.
  let gradient: Size
  let kernelHeight: Int
  let kernelWidth: Int
  let stride: Int
  let padding: Padding

  private var taps: Int { kernelHeight * kernelWidth }

  /// The gradient [O, I, kh, kw] for an input [B, H, W, I] and a result's gradient [B, H', W', O].
  func run(_ input: UnsafePointer<Float>, _ result: UnsafePointer<Float>) -> Tensor {
    let (outputs, inputs, taps) = (gradient.channels, x.channels, taps)
    let columns = 256
    let blocks = (inputs + columns - 1) / columns
    return Scratch.floats(taps * outputs * inputs) { sums in
      // [taps][O][I]
      Parallel.run(count: taps * blocks, grain: 1) { parts in
        for part in parts {
          let first = part % blocks * columns
          sum(
            tap: part / blocks, inputs: first..<min(inputs, first + columns), input, result,
            into: sums + part / blocks * outputs * inputs + first)
        }
      }
      return Tensor(shape: [outputs, inputs, kernelHeight, kernelWidth]) { destination in
        for pair in 0..<outputs * inputs {
          for tap in 0..<taps {
            destination[pair * taps + tap] = sums[tap * outputs * inputs + pair]
          }
        }
      }
    }
  }

  /// Adds up one tap, row by row of the result.
  private func sum(
    tap: Int, inputs: Range<Int>, _ input: UnsafePointer<Float>, _ result: UnsafePointer<Float>,
    into destination: UnsafeMutablePointer<Float>
  ) {
    let (row, column) = (tap / kernelWidth, tap % kernelWidth)
    let outputs = gradient.channels
    for output in 0..<outputs {
      (destination + output * x.channels).update(repeating: 0, count: inputs.count)
    }
    // The first and last column of the result whose tap lies inside the input.
    let low = max(0, (padding.left - column + stride - 1) / stride)
    let high = min(gradient.width - 1, (x.width - 1 + padding.left - column) / stride)
    guard low <= high, x.width - 1 + padding.left >= column else { return }
    for line in 0..<gradient.batch * gradient.height {
      let sourceRow = line % gradient.height * stride + row - padding.top
      guard (0..<x.height).contains(sourceRow) else { continue }
      let pixel = (line / gradient.height * x.height + sourceRow) * x.width
      let start = pixel + low * stride + column - padding.left
      BLAS.multiply(
        (outputs, inputs.count, high - low + 1),
        BLAS.Matrix(
          pointer: result + (line * gradient.width + low) * outputs, stride: outputs,
          transposed: true),
        BLAS.Matrix(
          pointer: input + start * x.channels + inputs.lowerBound, stride: stride * x.channels),
        into: (destination, x.channels), keep: 1)
    }
  }
}
