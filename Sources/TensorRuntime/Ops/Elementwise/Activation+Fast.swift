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

extension Activation {
  /// The C kernels' constant for this function.
  var kernel: ck_activation {
    switch self {
    case .none: CK_IDENTITY
    case .silu: CK_SILU
    case .gelu: CK_GELU
    case .quickGELU: CK_QUICK_GELU
    case .relu: CK_RELU
    }
  }
}
