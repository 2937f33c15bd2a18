import TestSupport
import Testing

@testable import TensorRuntime

/// Gradients of every op against finite differences, between implementations, and on any number of threads.
extension GlobalStateTests {
  @Suite struct GradientTests {
    /// A function of parameters.
    struct Function: Sendable, CustomTestStringConvertible {
      let name: String
      let shapes: [[Int]]
      let run: @Sendable ([Parameter]) -> Tensor

      var testDescription: String { name }

      /// Parameters with numbers that depend on the function alone.
      func parameters() -> [Parameter] {
        shapes.enumerated().map { index, shape in
          Parameter("\(index)", noise(shape, seed: UInt64(31 + index), scale: 1.2, shift: 0.1))
        }
      }
    }

    static let functions: [Function] =
      arithmetic + layouts + activations + convolutions + layers + attentions

    private static let arithmetic: [Function] = [
      Function(name: "sum", shapes: [[2, 3, 4, 5], [2, 3, 4, 5]]) { p in
        p[0].operand + p[1].operand.channelsLast()
      },
      Function(name: "difference", shapes: [[7, 9], [7, 9]]) { $0[0].operand - $0[1].operand },
      Function(name: "product", shapes: [[7, 9], [7, 9]]) { $0[0].operand * $0[1].operand },
      Function(name: "square", shapes: [[7, 9]]) { $0[0].operand * $0[0].operand },
      Function(name: "quotient", shapes: [[7, 9], [7, 9]]) { p in
        p[0].operand / (p[1].operand * p[1].operand + 1)
      },
      Function(name: "numbers", shapes: [[7, 9]]) { p in
        -(3 - (2 * p[0].operand + 1) / 4 - 0.5) * 1.5 + (1 + p[0].operand)
      },
      Function(name: "combination", shapes: [[7, 9], [7, 9], [7, 9]]) { p in
        Tensor.linearCombination([(2, p[0].operand), (-1, p[1].operand), (0.5, p[2].operand)])
          + Tensor.multiplyAdd(p[0].operand, 3, p[2].operand, -2)
      },
    ]

    private static let layouts: [Function] = [
      Function(name: "slices", shapes: [[2, 6, 3, 4]]) { p in
        p[0].operand.channelsLast().slice(axis: 1, 1..<4) * p[0].operand.slice(axis: 1, 3..<6)
      },
      Function(name: "joined", shapes: [[2, 3, 3, 4], [2, 2, 3, 4]]) { p in
        Tensor.concatenate([p[0].operand.channelsLast(), p[1].operand, p[0].operand], axis: 1)
      },
      Function(name: "tokens", shapes: [[2, 3, 4, 5], [2, 20, 3]]) { p in
        (p[0].operand.tokens() + p[1].operand).featureMap(height: 4, width: 5)
          .reshaped([2, 60]) * 2
      },
    ]

    private static let activations: [Function] = Activation.allCases.map { activation in
      Function(name: "\(activation)", shapes: [[3, 37]]) { p in
        // On both sides of zero, but not where relu has no derivative.
        let shifts = (0..<3 * 37).map { $0 % 2 == 0 ? Float(2) : -2 }
        return activate(p[0].operand + Tensor(shifts, shape: [3, 37]), activation)
      }
    }

    private static let convolutions: [Function] = {
      let frozen = noiseWeights([6, 5, 3, 3], seed: 3, scale: 0.3)
      func layer(_ stride: Int, _ padding: Padding) -> Conv2D {
        Conv2D(weight: frozen, bias: noiseWeights([6], seed: 4), stride: stride, padding: padding)
      }
      let plain = layer(1, .same(1))
      let strided = layer(2, .same(1))
      let lopsided = layer(2, Padding(top: 0, left: 0, bottom: 1, right: 1))
      let wide = Conv2D(
        weight: noiseWeights([48, 32, 3, 3], seed: 5, scale: 0.1), bias: nil, padding: .same(1))
      let pointwise = Conv2D(
        weight: noiseWeights([6, 5, 1, 1], seed: 6), bias: nil, padding: .none)
      return [
        Function(name: "conv 3x3", shapes: [[2, 5, 7, 6]]) { plain($0[0].operand) },
        Function(name: "conv fused", shapes: [[2, 5, 7, 6], [2, 6, 7, 6], [2, 6]]) { p in
          plain(
            p[0].operand, residual: p[1].operand, activation: .silu, perChannel: p[2].operand)
        },
        Function(name: "conv wide", shapes: [[1, 32, 12, 16]]) { wide($0[0].operand) },
        Function(name: "conv 1x1", shapes: [[2, 5, 7, 6]]) { pointwise($0[0].operand) },
        Function(name: "conv stride 2", shapes: [[2, 5, 8, 6]]) { strided($0[0].operand) },
        Function(name: "conv stride 2, odd", shapes: [[1, 5, 7, 9]]) { strided($0[0].operand) },
        Function(name: "conv lopsided", shapes: [[1, 5, 8, 7]]) { lopsided($0[0].operand) },
        Function(name: "conv doubled", shapes: [[1, 5, 4, 3]]) { p in
          plain(p[0].operand, upsampledTo: (8, 6))
        },
        Function(name: "conv enlarged", shapes: [[1, 5, 4, 3]]) { p in
          plain(p[0].operand, upsampledTo: (7, 5))
        },
        adapted("conv adapter", plain, [1, 5, 6, 7]),
        adapted("strided adapter", strided, [2, 5, 7, 6]),
        adapted("enlarging adapter", plain, [1, 5, 3, 4], size: (5, 8)),
      ]
    }()

    private static func adapted(
      _ name: String, _ layer: Conv2D, _ shape: [Int], size: (height: Int, width: Int)? = nil
    ) -> Function {
      Function(name: name, shapes: [shape, [2, 5, 3, 3], [6, 2, 1, 1]]) { p in
        var layer = layer
        layer.adapter = LowRankAdapter(down: p[1], up: p[2], scale: 0.5)
        return layer(p[0].operand, upsampledTo: size)
      }
    }

    private static let layers: [Function] = {
      let linear = Linear(weight: noiseWeights([8, 6], seed: 7), bias: noiseWeights([8], seed: 8))
      let group = GroupNorm(
        groups: 4, weight: noiseWeights([24], seed: 9), bias: noiseWeights([24], seed: 10),
        eps: 1e-5)
      let layer = LayerNorm(
        weight: noiseWeights([24], seed: 11), bias: noiseWeights([24], seed: 12), eps: 1e-5)
      return [
        Function(name: "linear", shapes: [[2, 5, 6], [2, 5, 8]]) { p in
          linear(p[0].operand, residual: p[1].operand, activation: .gelu)
        },
        Function(name: "gated", shapes: [[2, 5, 6]]) { linear.geglu($0[0].operand) },
        Function(name: "linear adapter", shapes: [[3, 5, 6], [2, 6], [8, 2]]) { p in
          var layer = linear
          layer.adapter = LowRankAdapter(down: p[1], up: p[2], scale: 2)
          return layer(p[0].operand)
        },
        Function(name: "group norm", shapes: [[2, 24, 9, 11]]) { group($0[0].operand) },
        Function(name: "trained group norm", shapes: [[2, 24, 5, 3], [24], [24]]) { p in
          var layer = group
          layer.trained = (p[1], p[2])
          return layer(p[0].operand, activation: .silu)
        },
        Function(name: "layer norm", shapes: [[3, 7, 24]]) { layer($0[0].operand) },
        Function(name: "upsample", shapes: [[2, 3, 4, 5]]) { p in
          upsampleNearest(p[0].operand, height: 7, width: 10)
        },
      ]
    }()

    private static let attentions: [Function] = [
      Function(name: "attention", shapes: [[2, 9, 8], [2, 6, 8], [2, 6, 8]]) { p in
        scaledDotProductAttention(
          query: p[0].operand, key: p[1].operand, value: p[2].operand, heads: 2)
      },
      Function(name: "self-attention", shapes: [[1, 150, 8]]) { p in
        scaledDotProductAttention(
          query: p[0].operand, key: p[0].operand, value: p[0].operand, heads: 2)
      },
      Function(name: "causal attention", shapes: [[2, 7, 8]]) { p in
        scaledDotProductAttention(
          query: p[0].operand, key: p[0].operand, value: p[0].operand, heads: 4, causal: true)
      },
      Function(name: "attention to a frozen text", shapes: [[2, 9, 8]]) { p in
        let text = noise([2, 5, 8], seed: 99)
        return scaledDotProductAttention(query: p[0].operand, key: text, value: text, heads: 2)
      },
    ]

    private func gradients(
      _ function: Function, _ parameters: [Parameter]
    ) throws -> [Tensor] {
      let result = function.run(parameters)
      let found = Gradients(of: result, gradient: noise(result.shape, seed: 77))
      return try parameters.map { try #require(found[$0], "\(function.name), \($0.name)") }
    }

    /// The weighted sum of the results, in double precision, at a step along a direction.
    private func loss(
      _ function: Function, at values: [Tensor], _ directions: [Tensor], _ step: Float
    ) -> Double {
      let parameters = zip(values, directions).map { Parameter("", $0 + $1 * step) }
      let result = withoutGradients {
        Dispatch.$cap.withValue(.reference) { function.run(parameters) }
      }
      return zip(result.floats(), noise(result.shape, seed: 77).floats()).reduce(0) {
        $0 + Double($1.0) * Double($1.1)
      }
    }

    @Test(arguments: functions) func gradientsAreThoseOfFiniteDifferences(
      _ function: Function
    ) throws {
      let parameters = function.parameters()
      let values = parameters.map(\.value)
      let found = try gradients(function, parameters)
      for index in values.indices {
        let directions = values.enumerated().map { place, value in
          place == index ? noise(value.shape, seed: 55) : Tensor.zeros(value.shape)
        }
        func slope(_ step: Float) -> Double {
          (loss(function, at: values, directions, step)
            - loss(function, at: values, directions, -step)) / (2 * Double(step))
        }
        // The error of a central difference is quadratic in the step, and so is taken out.
        let expected = (4 * slope(0x1p-7) - slope(0x1p-6)) / 3
        let pairs = zip(found[index].floats(), directions[index].floats())
        let actual = pairs.reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let scale = pairs.reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
        #expect(abs(actual - expected) <= 3e-4 * scale, "\(function.name), operand \(index)")
      }
    }

    @Test(arguments: functions) func implementationsAgreeOnAnyNumberOfThreads(
      _ function: Function
    ) throws {
      let before = Parallel.threadCount
      defer { Parallel.threadCount = before }
      let parameters = function.parameters()
      let reference = try Dispatch.$cap.withValue(.reference) {
        try gradients(function, parameters)
      }
      for cap in RuntimeInfo.isa.allowed {
        try Dispatch.$cap.withValue(cap) {
          Parallel.threadCount = 1
          let single = try gradients(function, parameters)
          Parallel.threadCount = 3
          let several = try gradients(function, parameters)
          for index in parameters.indices {
            let label = "\(function.name), \(cap), operand \(index)"
            expectClose(single[index], reference[index], within: .transformed, label)
            expectIdentical(several[index], single[index], label)
          }
        }
      }
    }

    @Test func recomputedPartsGiveTheSameGradients() throws {
      let function = Function(name: "part", shapes: [[2, 6], [2, 6]]) { p in
        let outputs = recomputingForGradient([p[0].operand]) { inputs in
          let first = inputs[0] * p[1].operand
          return [first, silu(first), inputs[0]]
        }
        return outputs[0] * 2 + outputs[1] * outputs[2]
      }
      let plain = Function(name: "plain", shapes: function.shapes) { p in
        let first = p[0].operand * p[1].operand
        return first * 2 + silu(first) * p[0].operand
      }
      let parameters = function.parameters()
      let found = try gradients(function, parameters)
      let expected = try gradients(plain, parameters)
      for index in parameters.indices {
        expectClose(found[index], expected[index], within: .transformed)
      }
    }

    @Test func nothingIsKeptWithoutAParameter() {
      let x = noise([1, 5, 6, 6], seed: 1)
      let layer = Conv2D(weight: noiseWeights([5, 5, 3, 3], seed: 2), bias: nil, padding: .same(1))
      #expect(silu(layer(x) + x).gradient == nil)
      let parameter = Parameter("x", x)
      #expect(silu(layer(parameter.operand)).gradient != nil)
      #expect(withoutGradients { silu(layer(parameter.operand)) }.gradient == nil)
    }
  }
}
