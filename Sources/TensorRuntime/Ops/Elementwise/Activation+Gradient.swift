#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Activation {
  /// The derivative in double precision: what implementations are compared with.
  func referenceDerivative(_ x: Double) -> Double {
    func sigmoidal(_ factor: Double) -> Double {
      let sigmoid = 1 / (1 + exp(-factor * x))
      return sigmoid * (1 + factor * x * (1 - sigmoid))
    }
    switch self {
    case .none: return 1
    case .silu: return sigmoidal(1)
    case .gelu:
      let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      return 0.5 * erfc(-x / 2.0.squareRoot()) + x * density
    case .quickGELU: return sigmoidal(1.702)
    case .relu: return x > 0 ? 1 : 0
    }
  }

  /// Writes gradients of the input: those of the output times the derivative at the input.
  ///
  /// - Parameters:
  ///   - x: The inputs.
  ///   - gradient: The gradients of the outputs; may be the destination.
  ///   - destination: Receives the gradients of the inputs.
  ///   - count: The number of elements.
  @inline(__always)
  func applyDerivative(
    _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>,
    into destination: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch self {
    case .none: destination.update(from: gradient, count: count)
    case .silu:
      for index in 0..<count {
        destination[index] = gradient[index] * FastMath.sigmoidalDerivative(x[index], 1)
      }
    case .gelu:
      for index in 0..<count {
        destination[index] = gradient[index] * FastMath.geluDerivative(x[index])
      }
    case .quickGELU:
      for index in 0..<count {
        destination[index] = gradient[index] * FastMath.sigmoidalDerivative(x[index], 1.702)
      }
    case .relu:
      for index in 0..<count { destination[index] = x[index] > 0 ? gradient[index] : 0 }
    }
  }
}

/// The gradients of an activation's input.
///
/// - Parameters:
///   - x: What the activation was applied to.
///   - gradient: The gradients of the result.
///   - activation: The function.
/// - Returns: A tensor of the shape and layout of `x`.
func activationGradient(_ x: Tensor, _ gradient: Tensor, _ activation: Activation) -> Tensor {
  if activation == .none { return gradient }
  let gradient = gradient.inLayout(x.layout)
  let (inputs, outputs) = (x.base, gradient.base)
  return withTensors(x, gradient) {
    Tensor(shape: x.shape, layout: x.layout) { destination in
      let problem = ElementwiseProblem(count: x.count, activation: activation)
      let implementation = ActivationTable.gradients.choose(problem)
      OpProfile.measure(problem, implementation.name) {
        implementation.body(inputs, outputs, destination, problem)
      }
    }
  }
}

extension ActivationTable {
  typealias GradientBody =
    @Sendable (
      _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, UnsafeMutablePointer<Float>,
      ElementwiseProblem
    ) -> Void

  static let gradients = DispatchTable(
    op: "activation_gradient", implementations: [portableGradient, referenceGradient])

  private static let portableGradient = Implementation<ElementwiseProblem, GradientBody>(
    name: "portable", isa: .generic
  ) { x, gradient, destination, problem in
    Parallel.run(count: problem.count, grain: elementwiseGrain / 4) { range in
      let first = range.lowerBound
      problem.activation.applyDerivative(
        x + first, gradient + first, into: destination + first, count: range.count)
    }
  }

  private static let referenceGradient = Implementation<ElementwiseProblem, GradientBody>(
    name: "reference", isa: .reference
  ) { x, gradient, destination, problem in
    Parallel.run(count: problem.count, grain: elementwiseGrain / 4) { range in
      for index in range {
        let slope = problem.activation.referenceDerivative(Double(x[index]))
        destination[index] = Float(Double(gradient[index]) * slope)
      }
    }
  }
}
