import Testing

@testable import TensorRuntime

@Suite struct TensorTests {
  private func counting(_ shape: [Int]) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map(Float.init), shape: shape)
  }

  @Test(arguments: [[1, 1, 1, 1], [2, 3, 4, 5], [1, 17, 3, 1], [2, 1, 5, 7], [1, 33, 18, 20]])
  func layoutsHoldTheSameNumbers(_ shape: [Int]) {
    let x = counting(shape)
    let last = x.channelsLast()
    #expect(last.layout == .channelsLast && last.shape == shape)
    #expect(last.floats() == x.floats())
    let (channels, height, width) = (shape[1], shape[2], shape[3])
    last.withUnsafeFloats { stored in
      for (place, value) in stored.enumerated() {
        let channel = place % channels
        let column = place / channels % width
        let row = place / channels / width % height
        let image = place / channels / width / height
        #expect(
          value == Float(((image * channels + channel) * height + row) * width + column))
      }
    }
  }

  @Test func tokensAreChannelsLastMemory() {
    let x = counting([2, 3, 2, 2]).channelsLast()
    let tokens = x.tokens()
    #expect(tokens.shape == [2, 4, 3])
    #expect(tokens.floats().prefix(6) == [0, 4, 8, 1, 5, 9])
    #expect(tokens.storage === x.storage)
    let back = tokens.featureMap(height: 2, width: 2)
    #expect(back.storage === x.storage && back.floats() == x.floats())
  }

  @Test(arguments: [Layout.contiguous, .channelsLast])
  func slicesAndJoinsAreInverse(_ layout: Layout) {
    let x = counting([4, 6, 5, 8]).inLayout(layout)
    for axis in 0..<4 {
      let cut = x.shape[axis] / 2 + 1
      let first = x.slice(axis: axis, 0..<cut)
      let second = x.slice(axis: axis, cut..<x.shape[axis])
      #expect(first.layout == layout && first.shape[axis] == cut)
      let joined = Tensor.concatenate([first, second], axis: axis)
      #expect(joined.layout == layout && joined.floats() == x.floats())
    }
    #expect(x.slice(axis: 1, 2..<2).count == 0)
    let picked = x.slice(axis: 2, 3..<4).slice(axis: 3, 7..<8)
    let expected: [Float] = (0..<24).map { Float($0 * 40 + 31) }
    #expect(picked.floats() == expected)
  }

  @Test func concatenationReconcilesLayouts() {
    let x = counting([1, 2, 3, 3])
    let joined = Tensor.concatenate([x.channelsLast(), x], axis: 1)
    #expect(joined.layout == .channelsLast && joined.floats() == x.floats() + x.floats())
  }

  @Test func reshapingFollowsLogicalOrder() {
    let x = counting([1, 4, 2, 3]).channelsLast()
    #expect(x.reshaped([4, 6]).floats() == x.floats())
    #expect(x.slice(axis: 1, 1..<3).reshaped([12]).floats() == (6..<18).map(Float.init))
  }

  @Test func arithmetic() {
    let a = Tensor([1, 2, 3, 4], shape: [1, 2, 1, 2])
    let b = Tensor([10, 20, 30, 40], shape: [1, 2, 1, 2]).channelsLast()
    #expect((a + b).floats() == [11, 22, 33, 44])
    #expect((b - a).floats() == [9, 18, 27, 36])
    #expect((a * b).floats() == [10, 40, 90, 160])
    #expect((b / a).floats() == [10, 10, 10, 10])
    #expect((a + 1).floats() == [2, 3, 4, 5] && (1 + a).floats() == [2, 3, 4, 5])
    #expect((a - 1).floats() == [0, 1, 2, 3] && (1 - a).floats() == [0, -1, -2, -3])
    #expect((a * 2).floats() == [2, 4, 6, 8] && (2 * a).floats() == [2, 4, 6, 8])
    #expect((a / 2).floats() == [0.5, 1, 1.5, 2] && (-a).floats() == [-1, -2, -3, -4])
    #expect(Tensor.multiplyAdd(a, 2, b, 0.5).floats() == [7, 14, 21, 28])
    #expect(Tensor.linearCombination([(1, a), (-1, b), (3, a)]).floats() == [-6, -12, -18, -24])
    #expect(a.clamped(to: 2...3).floats() == [2, 2, 3, 3])
    #expect(Tensor([.nan], shape: [1]).clamped(to: 0...1).floats()[0].isNaN)
    let shifted = a.adding(perSampleChannel: Tensor([100, 200], shape: [1, 2]))
    #expect(shifted.floats() == [101, 102, 203, 204])
    #expect(
      b.adding(perSampleChannel: Tensor([100, 200], shape: [1, 2])).floats()
        == [110, 120, 230, 240])
  }

  /// A chain of float32 operations, not one rounding at the end.
  @Test func combinationsRoundAtEachStep() {
    let big = Tensor([1e8], shape: [1])
    let one = Tensor([1], shape: [1])
    #expect(Tensor.linearCombination([(1, big), (1, one), (-1, big)]).floats() == [0])
    #expect(Tensor.linearCombination([(1, big), (-1, big), (1, one)]).floats() == [1])
  }

  @Test func longCombinationsAreWhole() {
    let count = 140_001  // several blocks of several runs, and a rest
    let x = counting([count])
    let sum = Tensor.linearCombination([(1, x), (-0.5, x), (0.25, x), (-0.75, x)])
    #expect(sum.floats() == [Float](repeating: 0, count: count))
    let other = Tensor.linearCombination([(2, x), (1, x), (-1, x)])
    #expect(other.floats() == x.floats().map { 2 * $0 })
  }

  @Test func statistics() {
    let x = Tensor([1, 2, 3, 4, 5, 6, 7, 100], shape: [2, 4])
    #expect(x.mean() == 16)
    #expect(x.maxAbs() == 100 && (-x).maxAbs() == 100)
    let deviation = x.standardDeviationPerSample()
    #expect(abs(deviation[0] - 1.290_994_4) < 1e-6 && abs(deviation[1] - 47.007_09) < 1e-4)
    #expect(!x.hasNonFinite && !Tensor.zeros([0]).hasNonFinite)
    for bad in [Float.nan, .infinity, -.infinity] {
      let spoilt = Tensor([1, bad, 2], shape: [3])
      #expect(spoilt.hasNonFinite)
      #expect(!spoilt.maxAbs().isFinite)
    }
    #expect(Tensor.zeros([0]).mean().isNaN)
  }

  @Test func embeddingsLookUpRows() {
    let table = Embedding(weight: stored([1, 2, 3, 4, 5, 6], shape: [3, 2], .float16))
    let found = table([[2, 0], [1, 1]])
    #expect(found.shape == [2, 2, 2])
    #expect(found.floats() == [5, 6, 1, 2, 3, 4, 3, 4])
  }
}
