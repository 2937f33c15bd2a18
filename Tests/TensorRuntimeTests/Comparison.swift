import Testing

@testable import TensorRuntime

/// How far apart two results may be.
struct Tolerance {
  /// Sum of squared differences over sum of squares.
  var normalizedError: Double
  /// Largest difference over largest magnitude.
  var largestError: Double

  /// Float32 sums in another order.
  static let exact = Tolerance(normalizedError: 5e-12, largestError: 1e-5)
  /// Winograd's transforms lose up to a digit.
  static let transformed = Tolerance(normalizedError: 1e-9, largestError: 1e-4)

  static func of(_ implementation: String) -> Tolerance {
    implementation.contains("winograd") ? .transformed : .exact
  }
}

/// Expects equal shapes and close values, and tells the worst place otherwise.
func expectClose(
  _ found: Tensor, _ expected: Tensor, _ tolerance: Tolerance = .exact, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found.shape == expected.shape else {
    Issue.record("\(label): \(found.shape), not \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  let (a, b) = (found.floats(), expected.floats())
  var (difference, power, worst, largest, place) = (0.0, 0.0, 0.0, 0.0, 0)
  for index in a.indices {
    if a[index].isNaN && b[index].isNaN { continue }
    let error = a[index] == b[index] ? 0 : abs(Double(a[index]) - Double(b[index]))
    difference += error * error
    power += Double(b[index]) * Double(b[index])
    largest = max(largest, abs(Double(b[index])))
    if !(error <= worst) { (worst, place) = (error, index) }
  }
  let scale = max(largest, 1e-30)
  if !(difference <= tolerance.normalizedError * power + 1e-30)
    || !(worst <= tolerance.largestError * scale)
  {
    Issue.record(
      """
      \(label): normalized error \(difference / max(power, 1e-300)), largest \(worst) of \(largest) \
      at \(place): \(a[place]) instead of \(b[place])
      """, sourceLocation: sourceLocation)
  }
}

/// Expects the same bits.
func expectIdentical(
  _ found: Tensor, _ expected: Tensor, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let same =
    found.shape == expected.shape
    && found.floats().map(\.bitPattern) == expected.floats().map(\.bitPattern)
  #expect(same, "\(label): not the same bits", sourceLocation: sourceLocation)
}

/// Numbers in about -1.7...1.7 that depend on the seed alone.
func noise(_ shape: [Int], seed: UInt32, scale: Float = 1, shift: Float = 0) -> Tensor {
  var engine = MersenneTwister(seed: seed)
  return Tensor(shape: shape) { numbers in
    for index in 0..<shape.reduce(1, *) {
      let uniform = Float(engine.next() >> 8) * 0x1p-24
      numbers[index] = (uniform - 0.5) * 3.46 * scale + shift
    }
  }
}

/// The same numbers as stored weights.
func weights(_ shape: [Int], seed: UInt32, scale: Float = 1) -> RawTensor {
  RawTensor(noise(shape, seed: seed, scale: scale).floats(), shape: shape)
}

/// Runs an op once with each implementation that takes it, the reference first.
func eachImplementation<Problem, Body>(
  _ table: DispatchTable<Problem, Body>, _ run: () -> Tensor
) -> (reference: Tensor, others: [(name: String, result: Tensor)]) {
  let reference = Dispatch.$cap.withValue(.reference, operation: run)
  var others: [(name: String, result: Tensor)] = []
  for implementation in table.implementations where implementation.isa != .reference {
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
      result, reference, .of(name), "\(label) by \(name)", sourceLocation: sourceLocation)
  }
}
