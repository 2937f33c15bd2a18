import CKernels

extension ActivationTable {
  /// Implementations that need an instruction set, best first.
  static let fast: [Implementation<ElementwiseProblem, Body>] = KernelSet.offered.map { kernels in
    Implementation(
      name: "vector_\(kernels.name)", isa: kernels.isa
    ) { source, destination, problem in
      vectorActivation(source, destination, problem, kernels: kernels)
    }
  }
}

/// Applies the activation in one pass, a vector at a time.
func vectorActivation(
  _ source: UnsafePointer<Float>, _ destination: UnsafeMutablePointer<Float>,
  _ problem: ElementwiseProblem, kernels: KernelSet
) {
  Parallel.run(count: problem.count, grain: elementwiseGrain) { range in
    kernels.table.pointee.activate(
      source + range.lowerBound, destination + range.lowerBound, problem.activation.kernel,
      range.count)
  }
}
