import TestSupport
import Testing

@testable import TensorRuntime

/// One convolution to compare: sizes, kernel, stride, padding, enlargement.
struct ConvCase: Sendable, CustomTestStringConvertible {
  var batch = 1
  var inputs = 16
  var outputs = 16
  var height = 8
  var width = 8
  var kernel = 3
  var stride = 1
  var padding = Padding.same(1)
  var enlarged: (height: Int, width: Int)?
  var dtype = DType.float32
  var plain = false

  var testDescription: String {
    "\(batch)x\(inputs)x\(height)x\(width)->\(outputs) k\(kernel) s\(stride) \(dtype)"
      + (enlarged.map { " to \($0)" } ?? "")
  }

  var problem: ConvProblem {
    ConvProblem(
      batch: batch, inputChannels: inputs, outputChannels: outputs, sourceHeight: height,
      sourceWidth: width, height: enlarged?.height ?? height, width: enlarged?.width ?? width,
      kernelHeight: kernel, kernelWidth: kernel, stride: stride, padding: padding,
      activation: plain ? .none : .silu, hasBias: true, hasResidual: !plain,
      hasPerChannel: !plain)
  }

  var parameters: ConvParameters {
    ConvParameters(
      weight: noiseWeight([outputs, inputs, kernel, kernel], seed: 1, dtype: dtype),
      bias: noiseWeight([outputs], seed: 2).alignedFloats(), stride: stride, padding: padding)
  }

  func run(_ kernel: any ConvKernel) -> Tensor {
    let problem = problem
    let shape = [batch, outputs, problem.outputHeight, problem.outputWidth]
    let x = noise([batch, inputs, height, width], seed: 3).channelsLast()
    let residual = noise(shape, seed: 4).channelsLast()
    let perChannel = noise([batch, outputs], seed: 5)
    return Tensor(shape: shape, layout: .channelsLast) { output in
      kernel.run(
        ConvCall(
          problem: problem, input: x.base, residual: plain ? nil : residual.base,
          perChannel: plain ? nil : perChannel.base, output: output))
    }
  }
}

/// Convolutions against the double-precision reference.
@Suite struct KernelConvTests {
  static let winogradCases = [
    ConvCase(), ConvCase(batch: 2, inputs: 37, outputs: 70, height: 9, width: 4),
    ConvCase(inputs: 330, outputs: 33, height: 5, width: 13, dtype: .float16),
    ConvCase(batch: 3, inputs: 64, outputs: 8, height: 1, width: 5, dtype: .bfloat16),
    ConvCase(batch: 2, inputs: 20, outputs: 40, height: 3, width: 5, enlarged: (6, 10)),
    ConvCase(inputs: 17, outputs: 16, height: 4, width: 3, enlarged: (9, 5)),
    ConvCase(inputs: 16, outputs: 5, height: 11, width: 8, padding: .none),
    ConvCase(inputs: 18, padding: Padding(top: 0, left: 2, bottom: 1, right: 0)),
    ConvCase(batch: 2, inputs: 16, outputs: 4, height: 67, width: 70, plain: true),
    // Whole vectors of outputs, several blocks of depth and panels; one pixel high.
    ConvCase(batch: 2, inputs: 352, outputs: 160, height: 13, width: 7),
    ConvCase(inputs: 32, outputs: 96, height: 1, width: 29, plain: true),
    // Enough tiles for tasks that work alone.
    ConvCase(inputs: 18, outputs: 20, height: 181, width: 179, plain: true),
    ConvCase(inputs: 16, outputs: 32, height: 90, width: 93, enlarged: (180, 186), dtype: .float16),
  ]

  @Test(arguments: runnableKernels, winogradCases)
  func winogradEqualsReference(_ kernels: KernelSet, _ conv: ConvCase) {
    #expect(WinogradConv.refusal(conv.problem) == nil)
    expectWinograd(conv, kernels)
  }

  private func expectWinograd(_ conv: ConvCase, _ kernels: KernelSet) {
    let parameters = conv.parameters
    let expected = conv.run(ReferenceConv(parameters))
    for (tile, bound) in [(WinogradTile.two, 3e-6), (.four, 1e-5), (.six, 4e-5)] {
      let kernel = WinogradConv(parameters, kernels: kernels, tile: tile)
      let actual = conv.run(kernel)
      expectClose(
        actual, expected, within: Tolerance(relative: bound),
        "\(conv.testDescription) \(conv.padding) \(tile)")
      let streamed = WinogradConv(parameters, kernels: kernels, tile: tile, streamedBytes: 0)
      #expect(conv.run(streamed).floats() == actual.floats())
    }
  }

  /// Random shapes: odd sizes, channel tails, batches, paddings, all tiles.
  @Test(arguments: runnableKernels)
  func winogradEqualsReferenceOnRandomShapes(_ kernels: KernelSet) {
    var generator = SplitMix(state: 20)
    for _ in 0..<24 {
      func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
      let conv = ConvCase(
        batch: pick(1...3), inputs: pick(16...90),
        outputs: [pick(1...70), 16, 48, 64][pick(0...3)],
        height: pick(3...19),
        width: pick(3...19),
        padding: Padding(
          top: pick(0...2), left: pick(0...2), bottom: pick(0...2), right: pick(0...2)),
        dtype: [.float32, .float16, .bfloat16][pick(0...2)], plain: pick(0...1) == 0)
      guard WinogradConv.refusal(conv.problem) == nil else { continue }
      expectWinograd(conv, kernels)
    }
  }

  static let patchCases = [
    ConvCase(inputs: 3, outputs: 33), ConvCase(batch: 2, inputs: 4, outputs: 20, width: 5),
    ConvCase(batch: 2, inputs: 40, outputs: 24, height: 9, width: 10, stride: 2),
    ConvCase(
      inputs: 24, outputs: 40, height: 8, width: 6, stride: 2,
      padding: Padding(top: 0, left: 0, bottom: 1, right: 1), dtype: .float16),
    ConvCase(batch: 3, inputs: 65, outputs: 17, height: 5, kernel: 1, padding: .none),
    ConvCase(inputs: 130, outputs: 64, height: 7, width: 5, dtype: .bfloat16),
    ConvCase(inputs: 6, outputs: 9, height: 4, width: 3, enlarged: (7, 6)),
    ConvCase(inputs: 8, outputs: 12, height: 20, width: 20, kernel: 4, stride: 4, padding: .none),
  ]

  @Test(arguments: runnableKernels, patchCases)
  func patchesEqualReference(_ kernels: KernelSet, _ conv: ConvCase) {
    let parameters = conv.parameters
    expectClose(
      conv.run(PatchConv(parameters, kernels: kernels)), conv.run(ReferenceConv(parameters)),
      within: Tolerance(relative: 3e-6))
  }

  @Test(arguments: runnableKernels, [1, 2, 3, 4])
  func narrowEqualsReference(_ kernels: KernelSet, _ outputs: Int) {
    for conv in [
      ConvCase(batch: 2, inputs: 37, outputs: outputs, height: 9, width: 33, plain: true),
      ConvCase(inputs: 16, outputs: outputs, kernel: 1, padding: .none, plain: true),
      ConvCase(inputs: 128, outputs: outputs, stride: 2, enlarged: (16, 9), plain: true),
    ] {
      #expect(NarrowConv.refusal(conv.problem) == nil)
      let parameters = conv.parameters
      expectClose(
        conv.run(NarrowConv(parameters, kernels: kernels)), conv.run(ReferenceConv(parameters)),
        within: Tolerance(relative: 3e-6))
    }
  }

  /// Groups and splits of tiles may not change a bit: a batch gives what its samples give alone.
  @Test(arguments: runnableKernels, WinogradTile.allCases)
  func bitsDoNotDependOnTheBatch(_ kernels: KernelSet, _ tile: WinogradTile) {
    let both = ConvCase(batch: 2, inputs: 40, outputs: 70, height: 80, width: 84, plain: true)
    let parameters = both.parameters
    let x = noise([2, 40, 80, 84], seed: 6).channelsLast()
    func run(_ batch: Int, _ input: UnsafePointer<Float>) -> [Float] {
      var conv = both
      conv.batch = batch
      let problem = conv.problem
      return Tensor(shape: [batch * 80 * 84 * 70]) { output in
        WinogradConv(parameters, kernels: kernels, tile: tile).run(
          ConvCall(problem: problem, input: input, residual: nil, perChannel: nil, output: output))
      }.floats()
    }
    let second = withTensors(x) { run(1, x.base + 40 * 80 * 84) }
    let whole = withTensors(x) { run(2, x.base) }
    #expect(Array(whole.suffix(second.count)) == second)
  }
}
