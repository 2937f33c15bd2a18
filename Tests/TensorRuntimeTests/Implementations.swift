import TestSupport
import Testing

@testable import TensorRuntime

extension Tolerance {
  /// The bound of one implementation of an op against the op's reference.
  static func of(_ implementation: String) -> Tolerance {
    implementation.contains("winograd") ? .transformed : .reordered
  }
}

/// Runs an op once with each implementation that takes it, the reference first.
func eachImplementation<Problem, Body>(
  _ table: DispatchTable<Problem, Body>, _ run: () -> Tensor
) -> (reference: Tensor, others: [(name: String, result: Tensor)]) {
  let reference = Dispatch.$cap.withValue(.reference, operation: run)
  var others: [(name: String, result: Tensor)] = []
  for implementation in table.implementations where implementation.isa > .reference {
    let request = DispatchRequest(implementation.name)
    let result = Dispatch.$only.withValue(request, operation: run)
    if request.wasGranted { others.append((implementation.name, result)) }
  }
  return (reference, others)
}

/// Expects every implementation of an op to agree with its reference, and with itself on any number
/// of threads.
func expectAgreement<Problem, Body>(
  _ table: DispatchTable<Problem, Body>, _ label: String,
  sourceLocation: SourceLocation = #_sourceLocation, _ run: () -> Tensor
) {
  let (reference, others) = eachImplementation(table, run)
  #expect(
    RuntimeInfo.isa == .reference || !others.isEmpty, "\(label): only the reference ran",
    sourceLocation: sourceLocation)
  for (name, result) in others {
    expectClose(
      result, reference, within: .of(name), "\(label) by \(name)", sourceLocation: sourceLocation)
  }
}
