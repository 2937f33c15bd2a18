import Foundation
import TensorRuntime
import Testing

/// Whether every comparison is printed, passed or not: `RESGRAPH_TEST_VERBOSE=1`.
private let isVerbose = ProcessInfo.processInfo.environment["RESGRAPH_TEST_VERBOSE"] == "1"

/// Records an issue unless `actual` is within `tolerance` of `expected`.
///
/// - Parameters:
///   - actual: The computed tensor.
///   - expected: The reference.
///   - tolerance: Both bounds; a model's by default.
///   - label: Says which comparison of a test this is.
///   - sourceLocation: Where the comparison is made.
public func expectClose(
  _ actual: Tensor, _ expected: Tensor, within tolerance: Tolerance = .model, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let difference = Difference(actual, from: expected)
  if isVerbose { print("\(sourceLocation.fileName):\(sourceLocation.line) \(label) \(difference)") }
  if difference.isWithin(tolerance) { return }
  Issue.record("\(label) \(difference); allowed: \(tolerance)", sourceLocation: sourceLocation)
}

/// Records an issue unless `actual` is clearly another result than `expected`: what shows that a
/// comparison would notice when the thing it checks is left out.
///
/// - Parameters:
///   - actual: What was computed with something left out.
///   - expected: The reference.
///   - factor: How many times beyond `tolerance` counts as clear.
///   - tolerance: The bound that the complete computation meets.
///   - label: Says which comparison of a test this is.
///   - sourceLocation: Where the comparison is made.
public func expectDiffers(
  _ actual: Tensor, _ expected: Tensor, by factor: Double = 10,
  beyond tolerance: Tolerance = .model, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let difference = Difference(actual, from: expected)
  if difference.maxError > factor * tolerance.maxError { return }
  Issue.record(
    "\(label) not noticed: \(difference); allowed: \(tolerance)", sourceLocation: sourceLocation)
}

/// Records an issue unless two tensors have the same shape and the same bits.
///
/// - Parameters:
///   - actual: The computed tensor.
///   - expected: The reference.
///   - label: Says which comparison of a test this is.
///   - sourceLocation: Where the comparison is made.
public func expectIdentical(
  _ actual: Tensor, _ expected: Tensor, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let hasSameBits =
    actual.shape == expected.shape
    && actual.floats().map(\.bitPattern) == expected.floats().map(\.bitPattern)
  if hasSameBits { return }
  let difference = Difference(actual, from: expected)
  Issue.record("\(label) not the same bits: \(difference)", sourceLocation: sourceLocation)
}

/// The largest error of a tensor in units of its reference's largest magnitude.
///
/// - Parameters:
///   - actual: The computed tensor.
///   - expected: The reference.
/// - Returns: Infinity when the shapes differ or a value is NaN or infinite that should not be.
public func relativeError(_ actual: Tensor, _ expected: Tensor) -> Float {
  let difference = Difference(actual, from: expected)
  return difference.nonFinite == 0 ? Float(difference.maxError) : .infinity
}
