/// Applies an activation to every element.
///
/// - Parameters:
///   - x: Any tensor.
///   - activation: The function.
/// - Returns: A tensor of the same shape and layout.
public func activate(_ x: Tensor, _ activation: Activation) -> Tensor {
  if activation == .none { return x }
  let source = x.base
  return withTensors(x) {
    Tensor(shape: x.shape, layout: x.layout) { destination in
      let problem = ElementwiseProblem(count: x.count, activation: activation)
      let implementation = ActivationTable.table.choose(problem)
      OpProfile.measure(problem, implementation.name) {
        implementation.body(source, destination, problem)
      }
    }
  }.recorded(from: x) { activationGradient(x.withGradient(nil), $0, activation) }
}

/// x · sigmoid(x).
///
/// - Parameter x: Any tensor.
/// - Returns: A tensor of the same shape and layout.
public func silu(_ x: Tensor) -> Tensor { activate(x, .silu) }

/// The exact GELU.
///
/// - Parameter x: Any tensor.
/// - Returns: A tensor of the same shape and layout.
public func gelu(_ x: Tensor) -> Tensor { activate(x, .gelu) }

/// x · sigmoid(1.702 x).
///
/// - Parameter x: Any tensor.
/// - Returns: A tensor of the same shape and layout.
public func quickGELU(_ x: Tensor) -> Tensor { activate(x, .quickGELU) }

/// max(x, 0); NaN stays NaN.
///
/// - Parameter x: Any tensor.
/// - Returns: A tensor of the same shape and layout.
public func relu(_ x: Tensor) -> Tensor { activate(x, .relu) }

/// An activation to be applied to a run of elements.
struct ElementwiseProblem: Sendable, CustomStringConvertible {
  let count: Int
  let activation: Activation

  var description: String { "\(activation) of \(count)" }
}

extension ElementwiseProblem: ProfiledProblem {
  var op: String { "activation" }
  var kind: OpProfile.Kind { .elementwise }
}

/// The ways to apply activations.
enum ActivationTable {
  typealias Body =
    @Sendable (
      UnsafePointer<Float>, UnsafeMutablePointer<Float>, ElementwiseProblem
    ) -> Void

  static let table = DispatchTable(
    op: "activation", implementations: fast + [portable, reference])

  static let portable = Implementation<ElementwiseProblem, Body>(
    name: "portable", isa: .generic
  ) { source, destination, problem in
    Parallel.run(count: problem.count, grain: elementwiseGrain / 4) { range in
      let part = destination + range.lowerBound
      part.update(from: source + range.lowerBound, count: range.count)
      problem.activation.apply(part, count: range.count)
    }
  }

  static let reference = Implementation<ElementwiseProblem, Body>(
    name: "reference", isa: .reference
  ) { source, destination, problem in
    Parallel.run(count: problem.count, grain: elementwiseGrain / 4) { range in
      for index in range {
        destination[index] = Float(problem.activation.reference(Double(source[index])))
      }
    }
  }
}
