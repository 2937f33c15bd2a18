import TestSupport
import Testing

@testable import TensorRuntime

extension GlobalStateTests {
  /// What must hold for every op: bad numbers stay visible, results do not depend on threads.
  @Suite struct PropertyTests {
    struct Op: Sendable {
      let name: String
      /// The shape of the input.
      let shape: [Int]
      let run: @Sendable (Tensor) -> Tensor
    }

    static let ops: [Op] = {
      let conv = Conv2D(
        weight: noiseWeights([40, 24, 3, 3], seed: 1, scale: 0.1),
        bias: noiseWeights([40], seed: 2),
        padding: .same(1))
      let pointwise = Conv2D(
        weight: noiseWeights([40, 24, 1, 1], seed: 1, scale: 0.1), bias: nil, padding: .none)
      let strided = Conv2D(
        weight: noiseWeights([40, 24, 3, 3], seed: 1, scale: 0.1), bias: nil, stride: 2,
        padding: .same(1))
      let linear = Linear(
        weight: noiseWeights([96, 24], seed: 3), bias: noiseWeights([96], seed: 4))
      let group = GroupNorm(
        groups: 4, weight: noiseWeights([24], seed: 5), bias: noiseWeights([24], seed: 6), eps: 1e-5
      )
      let layer = LayerNorm(weight: noiseWeights([24], seed: 7), bias: nil, eps: 1e-5)
      let map = [2, 24, 41, 39]
      let tokens = [2, 700, 24]
      return [
        Op(name: "conv 3x3", shape: map) { conv($0, activation: .silu) },
        Op(name: "conv 1x1", shape: map) { pointwise($0) },
        Op(name: "conv stride 2", shape: map) { strided($0) },
        Op(name: "conv upsampled", shape: map) { conv($0, upsampledTo: (82, 78)) },
        Op(name: "linear", shape: tokens) { linear($0, activation: .gelu) },
        Op(name: "geglu", shape: tokens) { linear.geglu($0) },
        Op(name: "group norm", shape: map) { group($0, activation: .silu) },
        Op(name: "layer norm", shape: tokens) { layer($0) },
        Op(name: "attention", shape: tokens) {
          scaledDotProductAttention(query: $0, key: $0, value: $0, heads: 2)
        },
        Op(name: "causal attention", shape: tokens) {
          scaledDotProductAttention(query: $0, key: $0, value: $0, heads: 2, causal: true)
        },
        Op(name: "softmax", shape: tokens) { softmax($0) },
        Op(name: "silu", shape: map) { silu($0) },
        Op(name: "gelu", shape: map) { gelu($0) },
        Op(name: "quick gelu", shape: map) { quickGELU($0) },
        Op(name: "relu", shape: map) { relu($0) },
        Op(name: "upsample", shape: map) { upsampleNearest($0, height: 50, width: 80) },
        Op(name: "average pool", shape: map) { averagePool2D($0, kernel: 2, stride: 2) },
        Op(name: "layout", shape: map) { $0.channelsLast().contiguous() },
        Op(name: "sum", shape: map) {
          Tensor.linearCombination([(0.5, $0), (2, $0.channelsLast()), (-1, $0)])
        },
      ]
    }()

    @Test func anyNumberOfThreadsGivesTheSameBits() {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      for op in Self.ops {
        let x = noise(op.shape, seed: 11)
        for cap in ISA.allCases where cap <= RuntimeInfo.isa {
          Dispatch.$cap.withValue(cap) {
            Parallel.threadCount = 1
            let single = op.run(x)
            for threads in [2, 3] {
              Parallel.threadCount = threads
              expectIdentical(op.run(x), single, "\(op.name), \(cap), \(threads) threads")
            }
          }
        }
      }
      Parallel.threadCount = 2
      let x = noise([3, 70_001], seed: 12)
      let two = x.mean()
      Parallel.threadCount = 1
      #expect(x.mean() == two)
    }

    @Test(arguments: [Float.nan, .infinity])
    func badNumbersStayVisible(_ bad: Float) {
      for op in Self.ops {
        var values = noise(op.shape, seed: 13).floats()
        values[values.count / 2] = bad
        let x = Tensor(values, shape: op.shape)
        for cap in ISA.allCases where cap <= RuntimeInfo.isa {
          let found = Dispatch.$cap.withValue(cap) { op.run(x).hasNonFinite }
          #expect(found, "\(op.name), \(cap) hides \(bad)")
        }
      }
    }

    @Test func orderOfImplementationsIsByInstructionSet() {
      func check<Problem, Body>(_ table: DispatchTable<Problem, Body>) {
        let names = table.implementations.map(\.name)
        #expect(Set(names).count == names.count, "\(table.op): names repeat")
        #expect(table.implementations.last?.isa == .reference, "\(table.op): reference last")
        #expect(table.implementations.contains { $0.isa == .generic }, "\(table.op): no generic")
      }
      check(ConvTable.table)
      check(LinearTable.table)
      check(AttentionTable.table)
      check(GroupNormTable.table)
      check(LayerNormTable.table)
      check(SoftmaxTable.table)
      check(ActivationTable.table)
    }
  }
}
