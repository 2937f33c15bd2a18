import TestSupport
import Testing

@testable import TensorRuntime

@Suite struct NormalizationTests {
  /// Batch, channels, height, width, groups.
  @Test(arguments: [
    [1, 1, 1, 1, 1], [2, 6, 3, 5, 3], [1, 320, 9, 8, 32], [2, 32, 65, 3, 32], [1, 128, 40, 41, 32],
    [1, 17, 5, 5, 1], [1, 40, 130, 2, 5], [3, 64, 1, 1, 32],
  ])
  func groupNormAgrees(_ size: [Int]) {
    let layer = GroupNorm(
      groups: size[4], weight: noiseWeights([size[1]], seed: 1),
      bias: noiseWeights([size[1]], seed: 2),
      eps: 1e-5)
    let shape = Array(size[0..<4])
    // Groups of one or two numbers have hardly any deviation; rounding is all that a mean leaves.
    let isDegenerate = size[1] / size[4] * size[2] * size[3] < 8
    for shift in isDegenerate ? [Float(0)] : [0, 50] {
      let x = noise(shape, seed: 3, shift: shift)
      for activation in Activation.allCases {
        let (reference, others) = eachImplementation(GroupNormTable.table) {
          layer(x, activation: activation)
        }
        #expect(RuntimeInfo.isa == .reference || !others.isEmpty)
        for (name, result) in others {
          // Inputs around 50 are themselves known to 4e-6 only.
          let ordinary = shift == 0 ? Tolerance.reordered : Tolerance(maxError: 5e-5, nmse: 1e-10)
          let bound = isDegenerate ? Tolerance(relative: 5e-5) : ordinary
          expectClose(
            result, reference, within: bound, "\(size) \(activation) shift \(shift) by \(name)")
        }
      }
    }
  }

  @Test(arguments: [[1, 1], [3, 5], [7, 768], [2, 1279], [130, 33]])
  func layerNormAgrees(_ size: [Int]) {
    let x = noise(size, seed: 1, shift: 2)
    let layer = LayerNorm(
      weight: noiseWeights([size[1]], seed: 2), bias: noiseWeights([size[1]], seed: 3), eps: 1e-5)
    let bare = LayerNorm(weight: noiseWeights([size[1]], seed: 2), bias: nil, eps: 1e-5)
    expectAgreement(LayerNormTable.table, "with bias") { layer(x) }
    expectAgreement(LayerNormTable.table, "without bias") { bare(x) }
  }

  @Test(arguments: [[1, 1], [3, 5], [7, 77], [2, 4096], [130, 33]])
  func softmaxAgrees(_ size: [Int]) {
    let x = noise(size, seed: 1, scale: 20)
    expectAgreement(SoftmaxTable.table, "softmax") { softmax(x) }
  }

  @Test func softmaxKeepsMaskedPlacesAtZero() {
    let x = Tensor([1, -.infinity, 2, -.infinity], shape: [1, 4])
    let (reference, others) = eachImplementation(SoftmaxTable.table) { softmax(x) }
    for result in [reference] + others.map(\.result) {
      let values = result.floats()
      #expect(values[1] == 0 && values[3] == 0)
      #expect(abs(values[0] - 0.268_941_4) < 1e-6 && abs(values[2] - 0.731_058_6) < 1e-6)
    }
  }

  @Test(arguments: Activation.allCases)
  func activationsAgree(_ activation: Activation) {
    let points = (-2000...2000).map { Float($0) / 20 } + [0, -0.0, 1e-30, -1e-30, 3e38]
    let x = Tensor(points, shape: [points.count])
    let (reference, others) = eachImplementation(ActivationTable.table) { activate(x, activation) }
    #expect(
      RuntimeInfo.isa == .reference || activation == .none || !others.isEmpty)
    for (name, result) in others {
      for (index, expected) in reference.floats().enumerated() {
        let found = result.floats()[index]
        // Far below zero the result vanishes; there the error is absolute.
        let error = abs(found - expected)
        let relative: Float = 4e-7 * abs(expected)
        let absolute: Float = 3e-7 * min(1, abs(points[index]))
        #expect(
          found == expected || error <= max(relative, absolute),
          "\(activation)(\(points[index])) by \(name): \(found) instead of \(expected)")
      }
    }
  }

  @Test func exponentialIsAccurate() {
    var worst = 0.0
    for step in -8700...8800 {
      let x = Float(step) / 100
      let expected = Double(exponential(Double(x)))
      worst = max(worst, abs(Double(FastMath.exp(x)) - expected) / expected)
    }
    #expect(worst < 2e-7)
    #expect(FastMath.exp(0) == 1)
    #expect(FastMath.exp(100) == .infinity)
    #expect(FastMath.exp(-200) == 0)
    #expect(FastMath.exp(.nan).isNaN)
  }

  /// e^x by its series, halved until it converges fast: independent of any library.
  private func exponential(_ x: Double) -> Double {
    let halvings = 10
    let small = x / Double(1 << halvings)
    var (term, sum) = (1.0, 1.0)
    for index in 1...20 {
      term *= small / Double(index)
      sum += term
    }
    for _ in 0..<halvings { sum *= sum }
    return sum
  }
}
