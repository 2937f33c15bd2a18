import TestSupport
import Testing

@testable import TensorRuntime

/// Layers on shapes around block and vector widths, every implementation against the reference.
@Suite struct LayerTests {
  struct Conv: CustomTestStringConvertible {
    var shape: [Int]
    var outputs: Int
    var kernel = (3, 3)
    var stride = 1
    var padding = Padding.same(1)
    var size: (height: Int, width: Int)?
    var testDescription: String {
      "\(shape) -> \(outputs), \(kernel), stride \(stride), size \(size.map { "\($0)" } ?? "same")"
    }
  }

  static let convolutions: [Conv] = [
    Conv(shape: [1, 1, 1, 1], outputs: 1),
    Conv(shape: [1, 3, 5, 7], outputs: 2),
    Conv(shape: [2, 16, 8, 8], outputs: 16),
    Conv(shape: [1, 17, 9, 11], outputs: 33),
    Conv(shape: [2, 32, 16, 16], outputs: 48),
    Conv(shape: [1, 64, 33, 31], outputs: 40),
    Conv(shape: [1, 4, 24, 20], outputs: 64),
    Conv(shape: [1, 64, 24, 20], outputs: 3),
    Conv(shape: [1, 48, 2, 3], outputs: 48),
    Conv(shape: [3, 24, 13, 6], outputs: 16, kernel: (1, 1), padding: .none),
    Conv(shape: [1, 320, 9, 7], outputs: 65, kernel: (1, 1), padding: .none),
    Conv(shape: [1, 6, 5, 5], outputs: 5, kernel: (1, 1), stride: 2, padding: .none),
    Conv(shape: [1, 16, 9, 8], outputs: 24, stride: 2),
    Conv(
      shape: [2, 8, 8, 10], outputs: 8, stride: 2,
      padding: Padding(top: 0, left: 0, bottom: 1, right: 1)),
    Conv(
      shape: [1, 8, 6, 7], outputs: 9, padding: Padding(top: 2, left: 0, bottom: 1, right: 3)),
    Conv(shape: [1, 8, 6, 7], outputs: 9, padding: .none),
    Conv(shape: [1, 3, 16, 12], outputs: 20, kernel: (4, 4), stride: 4, padding: .none),
    Conv(shape: [1, 7, 9, 9], outputs: 6, kernel: (5, 3), padding: .same(2)),
    Conv(shape: [1, 16, 4, 5], outputs: 16, size: (8, 10)),
    Conv(shape: [2, 12, 5, 7], outputs: 18, size: (9, 13)),
  ]

  @Test(arguments: LayerTests.convolutions)
  func convolutionsAgree(_ problem: Conv) {
    let weight = noiseWeights(
      [problem.outputs, problem.shape[1], problem.kernel.0, problem.kernel.1], seed: 1, scale: 0.2)
    let layer = Conv2D(
      weight: weight, bias: noiseWeights([problem.outputs], seed: 2), stride: problem.stride,
      padding: problem.padding)
    let bare = Conv2D(
      weight: weight, bias: nil, stride: problem.stride, padding: problem.padding)
    let x = noise(problem.shape, seed: 3)
    let channels = noise([problem.shape[0], problem.outputs], seed: 4)
    let residual = noise(layer(x, upsampledTo: problem.size).shape, seed: 5)
    expectAgreement(ConvTable.table, "bare") { bare(x, upsampledTo: problem.size) }
    expectAgreement(ConvTable.table, "with bias") { layer(x, upsampledTo: problem.size) }
    for activation in Activation.allCases {
      expectAgreement(ConvTable.table, "fused \(activation)") {
        layer(
          x.channelsLast(), residual: residual, activation: activation, perChannel: channels,
          upsampledTo: problem.size)
      }
    }
  }

  @Test(arguments: [
    [1, 1, 1], [1, 5, 3], [2, 320, 1280], [3, 17, 31], [77, 64, 48], [300, 40, 130],
    [513, 33, 65], [1025, 16, 8],
  ])
  func linearLayersAgree(_ size: [Int]) {
    let (rows, inputs, outputs) = (size[0], size[1], size[2])
    let weight = noiseWeights([outputs, inputs], seed: 1, scale: 0.2)
    let layer = Linear(weight: weight, bias: noiseWeights([outputs], seed: 2))
    let bare = Linear(weight: weight.reshaped([outputs, inputs, 1, 1]), bias: nil)
    let x = noise([1, rows, inputs], seed: 3)
    let residual = noise([1, rows, outputs], seed: 4)
    expectAgreement(LinearTable.table, "bare") { bare(x) }
    for activation in Activation.allCases {
      expectAgreement(LinearTable.table, "fused \(activation)") {
        layer(x, residual: residual, activation: activation)
      }
    }
    let gated = Linear(
      weight: noiseWeights([outputs * 2, inputs], seed: 5, scale: 0.2),
      bias: noiseWeights([outputs * 2], seed: 6))
    expectAgreement(LinearTable.table, "gated") { gated.geglu(x) }
  }

  /// Batch, queries, keys, heads, head size.
  @Test(arguments: [
    [1, 1, 1, 1, 1], [2, 5, 3, 2, 7], [1, 64, 77, 8, 40], [1, 130, 130, 2, 64],
    [2, 33, 600, 1, 80], [1, 200, 1100, 1, 40], [1, 129, 513, 3, 16], [1, 17, 17, 1, 160],
    [1, 40, 40, 1, 512], [1, 3, 4, 12, 5],
  ])
  func attentionAgrees(_ size: [Int]) {
    let width = size[3] * size[4]
    let q = noise([size[0], size[1], width], seed: 1, scale: 2)
    let k = noise([size[0], size[2], width], seed: 2, scale: 2)
    let v = noise([size[0], size[2], width], seed: 3)
    expectAgreement(AttentionTable.table, "attention \(size)") {
      scaledDotProductAttention(query: q, key: k, value: v, heads: size[3])
    }
    guard size[1] == size[2] else { return }
    expectAgreement(AttentionTable.table, "causal \(size)") {
      scaledDotProductAttention(query: q, key: k, value: v, heads: size[3], causal: true)
    }
  }

  /// Scores of several hundred must neither overflow nor lose the runner-up.
  @Test func attentionSurvivesLargeScores() {
    let q = noise([1, 70, 40], seed: 1, scale: 30)
    let k = noise([1, 900, 40], seed: 2, scale: 30)
    let v = noise([1, 900, 40], seed: 3)
    let (reference, others) = eachImplementation(AttentionTable.table) {
      scaledDotProductAttention(query: q, key: k, value: v, heads: 1)
    }
    for (name, result) in others {
      // The scores' own rounding, 1e-7 of several thousand, is the error here.
      expectClose(
        result, reference, within: Tolerance(maxError: 1e-2, nmse: 1e-6), name)
    }
  }

  @Test func emptyInputsGiveEmptyResults() {
    let linear = Linear(weight: noiseWeights([3, 4], seed: 1), bias: nil)
    #expect(linear(Tensor.zeros([0, 4])).shape == [0, 3])
    #expect(linear(Tensor.zeros([2, 0, 4])).shape == [2, 0, 3])
    let conv = Conv2D(weight: noiseWeights([3, 4, 3, 3], seed: 1), bias: nil, padding: .same(1))
    #expect(conv(Tensor.zeros([0, 4, 5, 5])).shape == [0, 3, 5, 5])
    let empty = Tensor.zeros([0, 3, 4])
    #expect(
      scaledDotProductAttention(query: empty, key: empty, value: empty, heads: 2).shape == [
        0, 3, 4,
      ]
    )
    #expect(softmax(Tensor.zeros([0, 4])).shape == [0, 4])
    #expect(silu(Tensor.zeros([0])).floats() == [])
  }

  @Test(arguments: [DType.float16, .bfloat16, .float32])
  func layersTakeStoredTypes(_ dtype: DType) {
    let values = noise([6, 5], seed: 1).floats()
    let raw = stored(values, shape: [6, 5], dtype)
    let layer = Linear(weight: raw, bias: nil)
    let plain = Linear(weight: RawTensor(raw.floats(), shape: [6, 5]), bias: nil)
    let x = noise([4, 5], seed: 2)
    expectIdentical(layer(x), plain(x))
  }
}
