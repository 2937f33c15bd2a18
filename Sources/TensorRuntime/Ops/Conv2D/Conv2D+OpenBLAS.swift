/// Computes blocks of output pixels: gathers their input windows into a matrix and multiplies it.
struct OpenBLASConv: ConvKernel {
  /// [kh·kw·I, O].
  private let weight: Storage
  private let bias: FloatView?

  init(_ parameters: ConvParameters) {
    weight = parameters.packs.pack("taps_by_outputs") { Self.pack(parameters) }
    bias = parameters.bias
  }

  static func pack(_ parameters: ConvParameters) -> Storage {
    let plain = parameters.plainWeight
    let inputs = parameters.inputChannels
    let outputs = parameters.outputChannels
    let window = parameters.kernelHeight * parameters.kernelWidth
    let packed = Storage(count: plain.count)
    Parallel.run(count: inputs, grain: max(1, (1 << 15) / (window * outputs))) { channels in
      for channel in channels {
        for tap in 0..<window {
          let line = packed.pointer + (tap * inputs + channel) * outputs
          let source = plain.pointer + channel * window + tap
          for output in 0..<outputs { line[output] = source[output &* inputs &* window] }
        }
      }
    }
    return packed
  }

  func run(_ call: ConvCall) {
    let problem = call.problem
    let block = Self.blockPixels(problem)
    let rows = NearestIndex(from: problem.sourceHeight, to: problem.height)
    let columns = NearestIndex(from: problem.sourceWidth, to: problem.width)
    Parallel.run(count: problem.outputPixels, grain: block) { pixels in
      if Self.isPointwise(problem) {
        multiply(call, pixels, call.input + pixels.lowerBound * problem.inputChannels)
      } else {
        Scratch.floats(pixels.count * problem.taps) { matrix in
          for pixel in pixels {
            Self.gather(
              call, pixel, rows, columns,
              into: matrix + (pixel - pixels.lowerBound) * problem.taps)
          }
          multiply(call, pixels, matrix)
        }
      }
      finish(call, pixels)
    }
  }

  /// Output pixels per block.
  ///
  /// They depend on the problem alone, so that results do not depend on the number of threads.
  private static func blockPixels(_ problem: ConvProblem) -> Int {
    let shares = max(32, (problem.outputPixels + 15) / 16)
    return min(256, (shares + 31) / 32 * 32)
  }

  private static func isPointwise(_ problem: ConvProblem) -> Bool {
    problem.kernelHeight == 1 && problem.kernelWidth == 1 && problem.stride == 1
      && problem.padding == .none && !problem.isUpsampled
  }

  private func multiply(_ call: ConvCall, _ pixels: Range<Int>, _ matrix: UnsafePointer<Float>) {
    let problem = call.problem
    let outputs = problem.outputChannels
    BLAS.multiply(
      (pixels.count, outputs, problem.taps),
      BLAS.Matrix(pointer: matrix, stride: problem.taps),
      BLAS.Matrix(pointer: weight.pointer, stride: outputs),
      into: (call.output + pixels.lowerBound * outputs, outputs))
  }

  /// Copies the window of one output pixel: kh·kw runs of channels, zeros outside the map.
  private static func gather(
    _ call: ConvCall, _ pixel: Int, _ rows: NearestIndex, _ columns: NearestIndex,
    into line: UnsafeMutablePointer<Float>
  ) {
    let problem = call.problem
    let channels = problem.inputChannels
    let image = pixel / (problem.outputHeight * problem.outputWidth)
    let firstRow =
      pixel / problem.outputWidth % problem.outputHeight * problem.stride - problem.padding.top
    let firstColumn = pixel % problem.outputWidth * problem.stride - problem.padding.left
    var destination = line
    for row in firstRow..<firstRow + problem.kernelHeight {
      let rowInside = row >= 0 && row < problem.height
      let source =
        rowInside
        ? call.input
          + (image * problem.sourceHeight + rows.source(row)) * problem.sourceWidth * channels
        : call.input
      for column in firstColumn..<firstColumn + problem.kernelWidth {
        if rowInside && column >= 0 && column < problem.width {
          destination.update(from: source + columns.source(column) * channels, count: channels)
        } else {
          destination.update(repeating: 0, count: channels)
        }
        destination += channels
      }
    }
  }

  private func finish(_ call: ConvCall, _ pixels: Range<Int>) {
    let problem = call.problem
    let outputs = problem.outputChannels
    let imagePixels = problem.outputHeight * problem.outputWidth
    for pixel in pixels {
      let line = call.output + pixel * outputs
      if let bias { addInPlace(line, bias.pointer, outputs) }
      if let term = call.perChannel {
        addInPlace(line, term + pixel / imagePixels * outputs, outputs)
      }
      if let residual = call.residual { addInPlace(line, residual + pixel * outputs, outputs) }
      problem.activation.apply(line, count: outputs)
    }
  }
}
