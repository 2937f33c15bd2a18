import TestSupport
import Testing

@testable import TensorRuntime

/// Attention, norms, softmax and activations against the double-precision reference.
@Suite struct KernelRowTests {
  static let attentionCases = [
    AttentionProblem(batch: 2, queries: 70, keys: 70, heads: 2, headSize: 40, causal: true),
    AttentionProblem(batch: 1, queries: 130, keys: 77, heads: 1, headSize: 64, causal: false),
    AttentionProblem(batch: 1, queries: 33, keys: 333, heads: 3, headSize: 80, causal: false),
    AttentionProblem(batch: 2, queries: 9, keys: 9, heads: 2, headSize: 160, causal: false),
    AttentionProblem(batch: 1, queries: 21, keys: 350, heads: 1, headSize: 512, causal: false),
    AttentionProblem(batch: 1, queries: 1, keys: 1, heads: 1, headSize: 5, causal: false),
    AttentionProblem(batch: 1, queries: 401, keys: 401, heads: 1, headSize: 33, causal: true),
    AttentionProblem(batch: 1, queries: 3, keys: 700, heads: 2, headSize: 8, causal: false),
  ]

  @Test(arguments: runnableKernels, attentionCases)
  func attentionEqualsReference(_ kernels: KernelSet, _ problem: AttentionProblem) {
    let query = noise([problem.batch, problem.queries, problem.width], seed: 1, scale: 4)
    let key = noise([problem.batch, problem.keys, problem.width], seed: 2, scale: 4)
    let value = noise([problem.batch, problem.keys, problem.width], seed: 3)
    func run(_ body: (AttentionCall) -> Void) -> Tensor {
      Tensor(shape: query.shape) { output in
        body(
          AttentionCall(
            problem: problem, query: query.base, key: key.base, value: value.base, output: output))
      }
    }
    withTensors(query, key, value) {
      expectClose(
        run { onlineAttention($0, kernels: kernels) }, run(referenceAttention),
        within: Tolerance(relative: 2e-5))
    }
  }

  @Test(
    arguments: runnableKernels,
    [
      (1, 33, 32, 32), (2, 64, 320, 32), (1, 1, 8, 2), (2, 7, 36, 4), (1, 5000, 12, 3),
      (2, 130, 640, 32),
    ])
  func groupNormEqualsReference(_ kernels: KernelSet, _ shape: (Int, Int, Int, Int)) {
    let (batch, pixels, channels, groups) = shape
    let x = noise([batch, pixels, channels], seed: 4) * 3 + 1
    let weight = noise([channels], seed: 5)
    let bias = noise([channels], seed: 6)
    for activation in [Activation.none, .silu, .gelu] {
      let problem = GroupNormProblem(
        batch: batch, pixels: pixels, channels: channels, groups: groups, eps: 1e-5,
        activation: activation)
      func run(_ body: (GroupNormCall) -> Void) -> Tensor {
        Tensor(shape: x.shape) { output in
          body(
            GroupNormCall(
              problem: problem, input: x.base, weight: weight.base, bias: bias.base,
              output: output))
        }
      }
      withTensors(x, weight, bias) {
        expectClose(
          run { momentsGroupNorm($0, kernels: kernels) }, run(referenceGroupNorm),
          within: Tolerance(relative: 3e-6),
          "\(problem)")
      }
    }
  }

  /// A mean a thousand times the spread costs the digits it must cost and no more.
  @Test(arguments: runnableKernels)
  func groupNormKeepsPrecisionBesideALargeMean(_ kernels: KernelSet) {
    let x = noise([1, 4096, 32], seed: 7) + 1_000
    let one = Tensor.full([32], 1)
    let zero = Tensor.zeros([32])
    let problem = GroupNormProblem(
      batch: 1, pixels: 4096, channels: 32, groups: 4, eps: 1e-5, activation: .none)
    func run(_ body: (GroupNormCall) -> Void) -> Tensor {
      Tensor(shape: x.shape) { output in
        body(
          GroupNormCall(
            problem: problem, input: x.base, weight: one.base, bias: zero.base, output: output))
      }
    }
    withTensors(x, one, zero) {
      expectClose(
        run { momentsGroupNorm($0, kernels: kernels) }, run(referenceGroupNorm),
        within: Tolerance(relative: 2e-4))
    }
  }

  @Test(arguments: runnableKernels, [1, 5, 16, 40, 77, 320, 1283])
  func rowsEqualReference(_ kernels: KernelSet, _ width: Int) {
    let x = noise([9, width], seed: 8, scale: 6)
    let weight = noise([width], seed: 9)
    let bias = noise([width], seed: 10)
    let norm = LayerNormProblem(rows: 9, width: width, eps: 1e-5)
    let soft = SoftmaxProblem(rows: 9, width: width)
    withTensors(x, weight, bias) {
      func run(_ body: (LayerNormCall) -> Void) -> Tensor {
        Tensor(shape: x.shape) { output in
          body(
            LayerNormCall(
              problem: norm, input: x.base, weight: weight.base, bias: bias.base, output: output))
        }
      }
      expectClose(
        run { rowLayerNorm($0, kernels: kernels) }, run(LayerNormTable.reference.body),
        within: Tolerance(relative: 5e-6))
      let actual = Tensor(shape: x.shape) { rowSoftmax(x.base, $0, soft, kernels: kernels) }
      let expected = Tensor(shape: x.shape) { SoftmaxTable.reference.body(x.base, $0, soft) }
      expectClose(actual, expected, within: Tolerance(relative: 1e-6))
    }
  }

  @Test(arguments: runnableKernels, Activation.allCases)
  func activationEqualsReference(_ kernels: KernelSet, _ activation: Activation) {
    let values = (0..<40_003).map { Float($0) / 1_000 - 20 } + [-1e30, -200, 200, 0]
    let x = Tensor(values, shape: [values.count])
    let problem = ElementwiseProblem(count: values.count, activation: activation)
    withTensors(x) {
      let actual = Tensor(shape: x.shape) {
        vectorActivation(x.base, $0, problem, kernels: kernels)
      }
      // Element by element, because beside 200 nothing small would show.
      for (index, value) in actual.floats().enumerated() {
        let expected = activation.reference(Double(values[index]))
        let bound = 4e-7 * max(abs(expected), 1)
        if !(abs(Double(value) - expected) <= bound) {
          Issue.record("\(activation)(\(values[index])) is \(expected), got \(value)")
          return
        }
      }
    }
  }

  @Test(arguments: runnableKernels)
  func nanStaysNaN(_ kernels: KernelSet) {
    var values = [Float](repeating: 1, count: 40)
    values[3] = .nan
    values[39] = Float(bitPattern: 0x7fc1_2345)
    let x = Tensor(values, shape: [2, 20])
    withTensors(x) {
      for activation in Activation.allCases {
        let problem = ElementwiseProblem(count: 40, activation: activation)
        let result = Tensor(shape: x.shape) {
          vectorActivation(x.base, $0, problem, kernels: kernels)
        }.floats()
        #expect(result.indices.filter { result[$0].isNaN } == [3, 39], "\(activation)")
      }
      let soft = Tensor(shape: x.shape) {
        rowSoftmax(x.base, $0, SoftmaxProblem(rows: 2, width: 20), kernels: kernels)
      }
      #expect(soft.floats().filter(\.isNaN).count == 40)
    }
  }
}
