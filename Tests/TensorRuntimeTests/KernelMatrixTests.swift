import TestSupport
import Testing

@testable import TensorRuntime

/// Packed products against the double-precision reference.
@Suite struct KernelMatrixTests {
  static let shapes: [(rows: Int, inputs: Int, outputs: Int)] = [
    (1, 1, 1), (3, 7, 5), (15, 16, 33), (113, 321, 64), (29, 640, 31),
    (225, 13, 70), (2, 2881, 40),
  ]

  @Test(arguments: runnableKernels, shapes.indices)
  func linearEqualsReference(_ kernels: KernelSet, _ index: Int) {
    let shape = Self.shapes[index]
    for (dtype, activation) in [
      (DType.float32, Activation.none), (.float16, .silu), (.bfloat16, .gelu), (.float32, .relu),
      (.float32, .quickGELU),
    ] {
      let parameters = LinearParameters(
        weight: noiseWeight([shape.outputs, shape.inputs], seed: 1, dtype: dtype),
        bias: noiseWeight([shape.outputs], seed: 2).alignedFloats())
      let x = noise([shape.rows, shape.inputs], seed: 3)
      let residual = noise([shape.rows, shape.outputs], seed: 4)
      let problem = LinearProblem(
        rows: shape.rows, inputs: shape.inputs, outputs: shape.outputs, activation: activation,
        hasBias: true, hasResidual: true, gated: false)
      func run(_ kernel: any LinearKernel) -> Tensor {
        Tensor(shape: residual.shape) { output in
          kernel.run(
            LinearCall(problem: problem, input: x.base, residual: residual.base, output: output))
        }
      }
      expectClose(
        run(PanelLinear(parameters, kernels: kernels)), run(ReferenceLinear(parameters)),
        within: Tolerance(relative: 3e-6), "\(problem) \(dtype)")
    }
  }

  @Test(arguments: runnableKernels, [(4, 8, 2), (17, 330, 66), (113, 64, 128), (5, 40, 70)])
  func gatedEqualsReference(_ kernels: KernelSet, _ shape: (Int, Int, Int)) {
    let (rows, inputs, outputs) = shape
    for dtype in [DType.float32, .float16] {
      let parameters = LinearParameters(
        weight: noiseWeight([outputs, inputs], seed: 5, dtype: dtype),
        bias: noiseWeight([outputs], seed: 6).alignedFloats())
      let x = noise([rows, inputs], seed: 7)
      let problem = LinearProblem(
        rows: rows, inputs: inputs, outputs: outputs, activation: .gelu, hasBias: true,
        hasResidual: false, gated: true)
      func run(_ kernel: any LinearKernel) -> Tensor {
        Tensor(shape: [rows, outputs / 2]) { output in
          kernel.run(LinearCall(problem: problem, input: x.base, residual: nil, output: output))
        }
      }
      expectClose(
        run(PanelLinear(parameters, kernels: kernels)), run(ReferenceLinear(parameters)),
        within: Tolerance(relative: 3e-6), "\(problem) \(dtype)")
    }
  }

  /// Splitting rows and panels over threads in any way may not change a bit.
  @Test(arguments: runnableKernels)
  func bitsDoNotDependOnThreads(_ kernels: KernelSet) {
    let parameters = LinearParameters(weight: noiseWeight([200, 700], seed: 8), bias: nil)
    let x = noise([301, 700], seed: 9)
    let whole = LinearProblem(
      rows: 301, inputs: 700, outputs: 200, activation: .none, hasBias: false, hasResidual: false,
      gated: false)
    func run(rows: Int) -> [Float] {
      let problem = LinearProblem(
        rows: rows, inputs: 700, outputs: 200, activation: .none, hasBias: false,
        hasResidual: false, gated: false)
      return Tensor(shape: [rows, 200]) { output in
        PanelLinear(parameters, kernels: kernels).run(
          LinearCall(problem: problem, input: x.base, residual: nil, output: output))
      }.floats()
    }
    let all = run(rows: whole.rows)
    for rows in [1, 5, 14, 112, 113, 300] {
      #expect(run(rows: rows) == Array(all.prefix(rows * 200)), "\(rows) rows")
    }
  }
}
