import CKernels

extension SoftmaxTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<SoftmaxProblem, Body>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "rows_\(kernels.name)", isa: kernels.isa
    ) { source, destination, problem in
      rowSoftmax(source, destination, problem, kernels: kernels)
    }
  }
}

/// Computes each row in three passes.
func rowSoftmax(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Float>,
  _ problem: SoftmaxProblem, kernels: KernelSet
) {
  let grain = max(1, elementwiseGrain / problem.width)
  Parallel.run(count: problem.rows, grain: grain) { rows in
    kernels.table.pointee.softmax_rows(
      source, destination, problem.width, rows.lowerBound, rows.upperBound)
  }
}
