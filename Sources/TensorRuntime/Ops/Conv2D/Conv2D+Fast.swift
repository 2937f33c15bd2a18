import CKernels

extension ConvTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<ConvProblem, Maker>] = KernelSet.offered.flatMap {
    kernels -> [Implementation<ConvProblem, Maker>] in
    [
      Implementation(
        name: "narrow_\(kernels.name)", isa: kernels.isa, accepts: NarrowConv.refusal,
        body: { NarrowConv($0, kernels: kernels) }),
      winograd(.winograd6, kernels, accepts: largeMapRefusal),
      winograd(.winograd4, kernels, accepts: WinogradConv.refusal),
      winograd(.winograd2, kernels, accepts: WinogradConv.refusal),
      Implementation(
        name: "patches_\(kernels.name)", isa: kernels.isa,
        cost: { ConvolutionTuning.current.seconds($0, .direct, kernels.isa) },
        body: { PatchConv($0, kernels: kernels) }),
    ]
  }
}

extension ConvTable {
  private static func winograd(
    _ algorithm: ConvolutionTuning.Algorithm, _ kernels: KernelSet,
    accepts: @escaping @Sendable (ConvProblem) -> Refusal?
  ) -> Implementation<ConvProblem, Maker> {
    let tile = algorithm.tile ?? .four
    return Implementation(
      name: "\(algorithm.rawValue)_\(kernels.name)", isa: kernels.isa, accepts: accepts,
      cost: { ConvolutionTuning.current.seconds($0, algorithm, kernels.isa) },
      body: { WinogradConv($0, kernels: kernels, tile: tile) })
  }

  /// Refuses F(6x6, 3x3) for maps smaller than the layer allows.
  ///
  /// On small maps much of a tile lies outside the map, and the errors of many layers add up.
  @Sendable private static func largeMapRefusal(_ problem: ConvProblem) -> Refusal? {
    if problem.outputHeight * problem.outputWidth < problem.largeTileMap {
      return Refusal("a small map")
    }
    return WinogradConv.refusal(problem)
  }
}

extension ConvCall {
  /// Lends the geometry of the input, which says where each row and column of the padded and
  /// enlarged map lies in memory.
  ///
  /// - Parameters:
  ///   - tile: The side of a tile; rows and columns are described to the end of the last tile.
  ///   - body: Receives the geometry, valid during the call only.
  func withKernelInput(tile: Int = 1, _ body: (ck_conv_input) -> Void) {
    let p = problem
    func map(_ outputs: Int, _ kernel: Int, _ before: Int, _ size: Int, from source: Int) -> [Int32]
    {
      let nearest = NearestIndex(from: source, to: size)
      let tiled = (outputs + tile - 1) / tile * tile
      return (0..<(tiled - 1) * p.stride + kernel).map { index in
        let inside = index - before
        return inside >= 0 && inside < size ? Int32(nearest.source(inside)) : -1
      }
    }
    let rows = map(p.outputHeight, p.kernelHeight, p.padding.top, p.height, from: p.sourceHeight)
    let columns = map(p.outputWidth, p.kernelWidth, p.padding.left, p.width, from: p.sourceWidth)
    rows.withUnsafeBufferPointer { rows in
      columns.withUnsafeBufferPointer { columns in
        guard let rows = rows.baseAddress, let columns = columns.baseAddress else { return }
        body(
          ck_conv_input(
            in: input, height: p.sourceHeight, width: p.sourceWidth, channels: p.inputChannels,
            source_y: rows, source_x: columns, out_height: p.outputHeight,
            out_width: p.outputWidth, kernel_height: p.kernelHeight, kernel_width: p.kernelWidth,
            stride: p.stride))
      }
    }
  }

  /// The work that follows the sums: bias, other terms and activation.
  func epilogue(bias: FloatView?) -> ck_epilogue {
    ck_epilogue(
      bias: bias?.pointer, per_sample: perChannel, residual: residual,
      rows_per_sample: problem.outputHeight * problem.outputWidth,
      activation: problem.activation.kernel)
  }
}

/// Computes any convolution as a product of gathered patches with packed weights.
///
/// Kernels of 1x1 need no gathering.
struct PatchConv: ConvKernel {
  private let parameters: ConvParameters
  private let weights: PackedPanels

  init(_ parameters: ConvParameters, kernels: KernelSet) {
    self.parameters = parameters
    weights = PackedPanels(
      parameters.weight, kernels: kernels, order: .tapsFirst, cache: parameters.packs)
  }

  func run(_ call: ConvCall) {
    let p = call.problem
    let pointwise =
      p.kernelHeight == 1 && p.kernelWidth == 1 && p.stride == 1 && p.padding == .none
      && !p.isUpsampled
    func multiply(_ input: UnsafePointer<ck_conv_input>?) {
      weights.multiply(
        rows: p.outputPixels,
        ck_gemm(
          a: call.input, a_stride: p.inputChannels, conv: input, weights: weights.pointer,
          weight_type: weights.type, depth: weights.depth, columns: p.outputChannels, gated: false,
          out: call.output, epilogue: call.epilogue(bias: parameters.bias)))
    }
    if pointwise { return multiply(nil) }
    call.withKernelInput { withUnsafePointer(to: $0, multiply) }
  }
}

/// Computes convolutions with at most four outputs.
///
/// The lanes of a vector hold input channels.
struct NarrowConv: ConvKernel {
  /// [outputs][tap][input].
  private let weight: Storage
  private let bias: FloatView?
  private let kernels: KernelSet

  @Sendable static func refusal(_ problem: ConvProblem) -> Refusal? {
    if problem.outputChannels > 4 { return Refusal("more than 4 outputs") }
    if problem.inputChannels < 16 { return Refusal("fewer than 16 inputs") }
    if problem.hasResidual || problem.hasPerChannel || problem.activation != .none {
      return Refusal("more than a bias to add")
    }
    return nil
  }

  init(_ parameters: ConvParameters, kernels: KernelSet) {
    self.kernels = kernels
    bias = parameters.bias
    weight = parameters.packs.pack("outputs taps inputs") {
      let plain = parameters.plainWeight
      let packed = Storage(lasting: plain.count)
      let inputs = parameters.inputChannels
      let taps = parameters.kernelHeight * parameters.kernelWidth
      for index in 0..<plain.count {
        let (output, rest) = (index / (inputs * taps), index % (inputs * taps))
        packed.pointer[(output * taps + rest % taps) * inputs + rest / taps] = plain.pointer[index]
      }
      return packed
    }
  }

  func run(_ call: ConvCall) {
    let table = kernels.table
    call.withKernelInput { input in
      withUnsafePointer(to: input) { input in
        Parallel.run(count: call.problem.outputPixels, grain: 512) { pixels in
          table.pointee.conv_narrow(
            input, weight.pointer, call.problem.outputChannels, bias?.pointer, call.output,
            pixels.lowerBound, pixels.upperBound)
        }
      }
    }
  }
}
