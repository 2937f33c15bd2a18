/// Normalisation of the last dimension.
public struct LayerNorm: Sendable {
  /// Added to the variance.
  public let eps: Float
  let weight: FloatView
  private let bias: FloatView?

  /// Makes a layer from stored weights.
  ///
  /// - Parameters:
  ///   - weight: [D], the scale.
  ///   - bias: [D], the shift, or nil for none.
  ///   - eps: Added to the variance.
  public init(weight: RawTensor, bias: RawTensor?, eps: Float) {
    precondition(
      weight.shape.count == 1 && (bias == nil || bias?.shape == weight.shape),
      "weight \(weight.shape) and bias \(bias?.shape ?? []) are not both [D]")
    self.eps = eps
    self.weight = weight.alignedFloats()
    self.bias = bias?.alignedFloats()
  }

  /// Normalises each row.
  ///
  /// - Parameter x: [..., D].
  /// - Returns: [..., D], contiguous.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.gradient != nil ? differentiable(x) : apply(x)
  }

  /// Normalises without a way back.
  func apply(_ x: Tensor) -> Tensor {
    precondition(x.shape.last == weight.count, "rows of \(weight.count) expected, got \(x.shape)")
    let problem = LayerNormProblem(
      rows: x.count / max(1, weight.count), width: weight.count, eps: eps)
    let input = x.contiguous()
    return withTensors(input) {
      Tensor(shape: x.shape) { destination in
        guard x.count > 0 else { return }
        let implementation = LayerNormTable.table.choose(problem)
        OpProfile.measure(problem, implementation.name) {
          implementation.body(
            LayerNormCall(
              problem: problem, input: input.base, weight: weight.pointer, bias: bias?.pointer,
              output: destination))
        }
      }
    }
  }
}

/// The sizes of a layer normalisation.
struct LayerNormProblem: Sendable, CustomStringConvertible {
  let rows: Int
  let width: Int
  let eps: Float

  var description: String { "\(rows)x\(width)" }
}

extension LayerNormProblem: ProfiledProblem {
  var op: String { "layer_norm" }
  var kind: OpProfile.Kind { .norm }
}

/// A problem with its operands.
struct LayerNormCall {
  let problem: LayerNormProblem
  /// [rows, width].
  let input: UnsafePointer<Float>
  /// [width].
  let weight: UnsafePointer<Float>
  /// [width], or nil.
  let bias: UnsafePointer<Float>?
  /// [rows, width].
  let output: UnsafeMutablePointer<Float>
}

/// The implementations of layer normalisation.
enum LayerNormTable {
  typealias Body = @Sendable (LayerNormCall) -> Void

  static let table = DispatchTable(op: "layer_norm", implementations: fast + [portable, reference])

  static let portable = Implementation<LayerNormProblem, Body>(
    name: "portable", isa: .generic, body: { portableLayerNorm($0) })

  static let reference = Implementation<LayerNormProblem, Body>(
    name: "reference", isa: .reference, body: { referenceLayerNorm($0) })
}

/// Normalises by plain loops in double precision.
private func referenceLayerNorm(_ call: LayerNormCall) {
  let width = call.problem.width
  Parallel.run(count: call.problem.rows, grain: 16) { rows in
    for row in rows {
      let x = call.input + row * width
      var sum = 0.0
      for index in 0..<width { sum += Double(x[index]) }
      let mean = sum / Double(width)
      var squares = 0.0
      for index in 0..<width { squares += (Double(x[index]) - mean) * (Double(x[index]) - mean) }
      let scale = 1 / (squares / Double(width) + Double(call.problem.eps)).squareRoot()
      for index in 0..<width {
        let shift = call.bias.map { Double($0[index]) } ?? 0
        call.output[row * width + index] =
          Float((Double(x[index]) - mean) * scale * Double(call.weight[index]) + shift)
      }
    }
  }
}

/// Normalises each row in two passes, with independent partial sums that can be vectorised.
private func portableLayerNorm(_ call: LayerNormCall) {
  let width = call.problem.width
  Parallel.run(count: call.problem.rows, grain: max(1, elementwiseGrain / width)) { rows in
    for row in rows {
      let x = call.input + row * width
      let y = call.output + row * width
      let mean = VectorMath.sum(x, width) / Float(width)
      let variance = VectorMath.sumOfSquares(x, minus: mean, width) / Float(width)
      let scale = 1 / (variance + call.problem.eps).squareRoot()
      for index in 0..<width { y[index] = (x[index] - mean) * scale * call.weight[index] }
      if let bias = call.bias { addInPlace(y, bias, width) }
    }
  }
}
