import CKernels

extension LinearTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<LinearProblem, Maker>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "panels_\(kernels.name)", isa: kernels.isa,
      body: { PanelLinear($0, kernels: kernels) })
  }
}

/// Packs the weights in panels, and computes products, bias, residual and activation in one pass.
struct PanelLinear: LinearKernel {
  private let parameters: LinearParameters
  private let kernels: KernelSet

  init(_ parameters: LinearParameters, kernels: KernelSet) {
    self.parameters = parameters
    self.kernels = kernels
  }

  func run(_ call: LinearCall) {
    let problem = call.problem
    // A layer is used either gated or plain, and is packed for that use alone.
    let weights = PackedPanels(
      parameters.weight, kernels: kernels, gated: problem.gated, cache: parameters.packs)
    weights.multiply(
      rows: problem.rows,
      ck_gemm(
        a: call.input, a_stride: problem.inputs, conv: nil, weights: weights.pointer,
        weight_type: weights.type, depth: problem.inputs, columns: problem.outputs,
        gated: problem.gated, out: call.output,
        epilogue: ck_epilogue(
          bias: parameters.bias?.pointer, per_sample: nil, residual: call.residual,
          rows_per_sample: problem.rows,
          activation: problem.gated ? CK_IDENTITY : problem.activation.kernel)))
  }
}
