import CKernels

extension LayerNormTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<LayerNormProblem, Body>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "rows_\(kernels.name)", isa: kernels.isa,
      body: { rowLayerNorm($0, kernels: kernels) })
  }
}

/// Normalises each row in three passes, while it is in the first-level cache.
func rowLayerNorm(_ call: LayerNormCall, kernels: KernelSet) {
  let p = call.problem
  Parallel.run(count: p.rows, grain: max(1, elementwiseGrain / p.width)) { rows in
    kernels.table.pointee.layer_norm(
      call.input, call.output, call.weight, call.bias, p.eps, p.width, rows.lowerBound,
      rows.upperBound)
  }
}
