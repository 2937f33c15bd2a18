/// A fully connected layer, y = activation(x·Wᵀ + b + residual).
///
/// It also computes convolutions with 1x1 kernels, over tokens.
public struct Linear: Sendable {
  let parameters: LinearParameters
  private let kernels = KernelCache<any LinearKernel>()
  /// The parameter that the weights are, where they are trained.
  let trained: Parameter?
  /// A trainable change of the weights.
  package var adapter: LowRankAdapter?

  /// An identity that no other layer has as long as this one exists.
  public var identity: ObjectIdentifier { ObjectIdentifier(parameters) }
  /// The number of features taken.
  public var inputs: Int { parameters.inputs }
  /// The number of features given.
  public var outputs: Int { parameters.outputs }

  /// Makes a layer from stored weights.
  ///
  /// - Parameters:
  ///   - weight: [O, I], or [O, I, 1, 1].
  ///   - bias: [O], or nil for none.
  public init(weight: RawTensor, bias: RawTensor?) {
    let shape = weight.shape
    precondition(
      shape.count == 2 || (shape.count == 4 && shape[2] == 1 && shape[3] == 1),
      "a linear weight is [O, I] or [O, I, 1, 1], got \(shape)")
    precondition(
      bias == nil || bias?.shape == [shape[0]], "bias \(bias?.shape ?? []) does not fit \(shape)")
    parameters = LinearParameters(
      weight: weight.reshaped([shape[0], shape[1]]), bias: bias?.alignedFloats())
    trained = nil
  }

  /// Makes a layer of a parameter's present value, without bias, whose gradient is wanted.
  init(weight: Parameter) {
    parameters = LinearParameters(
      weight: RawTensor(weight.value.floats(), shape: weight.shape), bias: nil)
    trained = weight
  }

  /// Applies the layer to the last dimension.
  ///
  /// - Parameters:
  ///   - x: [..., I].
  ///   - residual: [..., O], added before the activation.
  ///   - activation: Applied last.
  /// - Returns: [..., O], contiguous.
  public func callAsFunction(
    _ x: Tensor, residual: Tensor? = nil, activation: Activation = .none
  ) -> Tensor {
    if x.gradient != nil || residual?.gradient != nil || trained != nil || adapter != nil {
      return differentiable(x, residual: residual, activation: activation)
    }
    return apply(x, residual: residual, activation: activation)
  }

  /// Applies the layer without a way back.
  func apply(_ x: Tensor, residual: Tensor?, activation: Activation) -> Tensor {
    let shape = checkedShape(x, width: outputs)
    precondition(
      residual == nil || residual?.shape == shape,
      "residual \(residual?.shape ?? []) does not fit \(shape)")
    let added = residual?.contiguous()
    return run(
      x, shape: shape,
      LinearProblem(
        rows: x.count / max(1, inputs), inputs: inputs, outputs: outputs, activation: activation,
        hasBias: parameters.bias != nil, hasResidual: added != nil, gated: false),
      residual: added)
  }

  /// Applies a layer of 2·D outputs and gates the first half with the GELU of the second.
  ///
  /// - Parameter x: [..., I].
  /// - Returns: [..., D], value · gelu(gate), contiguous.
  public func geglu(_ x: Tensor) -> Tensor {
    precondition(outputs % 2 == 0, "GEGLU needs an even number of outputs, got \(outputs)")
    if x.gradient != nil || adapter != nil { return differentiableGated(x) }
    let shape = checkedShape(x, width: outputs / 2)
    return run(
      x, shape: shape,
      LinearProblem(
        rows: x.count / max(1, inputs), inputs: inputs, outputs: outputs, activation: .gelu,
        hasBias: parameters.bias != nil, hasResidual: false, gated: true),
      residual: nil)
  }

  private func checkedShape(_ x: Tensor, width: Int) -> [Int] {
    precondition(
      x.shape.last == inputs, "a layer of \(inputs) inputs cannot take \(x.shape)")
    return x.shape.dropLast() + [width]
  }

  private func run(
    _ x: Tensor, shape: [Int], _ problem: LinearProblem, residual: Tensor?
  ) -> Tensor {
    let input = x.contiguous()
    return withTensors(input, residual) {
      Tensor(shape: shape) { destination in
        guard problem.rows > 0 else { return }
        let implementation = LinearTable.table.choose(problem)
        let kernel = kernels.kernel(implementation.name) { implementation.body(parameters) }
        OpProfile.measure(problem, implementation.name) {
          kernel.run(
            LinearCall(
              problem: problem, input: input.base, residual: residual?.base, output: destination))
        }
      }
    }
  }
}

/// The stored weights of a linear layer.
final class LinearParameters: Sendable {
  /// [O, I], as stored.
  let weight: RawTensor
  let bias: FloatView?
  /// Packed forms that several kernels may share.
  let packs = PackCache()
  /// The layer of the way back, once it was wanted.
  let backward = KernelCache<Linear>()
  /// The weight as float32 [O, I].
  ///
  /// Nothing is copied where it is stored as float32.
  var plainWeight: FloatView { weight.alignedFloats() }

  var outputs: Int { weight.shape[0] }
  var inputs: Int { weight.shape[1] }

  init(weight: RawTensor, bias: FloatView?) {
    self.weight = weight
    self.bias = bias
  }
}

/// The sizes and options of a linear layer.
struct LinearProblem: Sendable, CustomStringConvertible {
  let rows: Int
  let inputs: Int
  /// The outputs of the weight matrix.
  ///
  /// A gated result is half as wide.
  let outputs: Int
  /// The function that is applied last; in gated problems, to the second half of the outputs.
  let activation: Activation
  let hasBias: Bool
  let hasResidual: Bool
  /// Whether the first half of the outputs is multiplied by the activated second half.
  let gated: Bool

  var description: String {
    "\(rows)x\(inputs)x\(outputs)" + (activation == .none ? "" : " \(activation)")
      + (gated ? " gated" : "") + (hasResidual ? " +residual" : "")
  }
}

extension LinearProblem: ProfiledProblem {
  var op: String { "linear" }
  var kind: OpProfile.Kind { .linear }
  var operations: Double { 2 * Double(rows) * Double(inputs) * Double(outputs) }
}

/// A problem with its operands, all dense and row-major.
struct LinearCall {
  let problem: LinearProblem
  /// [rows, inputs].
  let input: UnsafePointer<Float>
  /// [rows, outputs], or nil.
  let residual: UnsafePointer<Float>?
  /// [rows, outputs], or [rows, outputs / 2] when gated.
  let output: UnsafeMutablePointer<Float>
}

/// One implementation with one layer's weights in its own form.
protocol LinearKernel: Sendable {
  /// Computes the whole result in parallel. It does not depend on the number of threads.
  func run(_ call: LinearCall)
}
