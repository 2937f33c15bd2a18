#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A function applied to every element.
public enum Activation: String, Sendable, CaseIterable {
  /// The identity.
  case none
  /// x · sigmoid(x).
  case silu
  /// The exact GELU, x/2 · (1 + erf(x/√2)).
  case gelu
  /// x · sigmoid(1.702 x), as CLIP uses.
  case quickGELU
  /// max(x, 0).
  case relu

  /// The function in double precision, with which tests compare the implementations.
  func reference(_ x: Double) -> Double {
    switch self {
    case .none: x
    case .silu: x / (1 + exp(-x))
    case .gelu: x * 0.5 * erfc(-x / 2.0.squareRoot())
    case .quickGELU: x / (1 + exp(-1.702 * x))
    case .relu: x > 0 ? x : (x.isNaN ? x : 0)
    }
  }

  /// Applies the function in place.
  ///
  /// - Parameters:
  ///   - elements: The first element.
  ///   - count: The number of elements.
  @inline(__always)
  func apply(_ elements: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .none: return
    case .silu:
      for index in 0..<count { elements[index] = FastMath.silu(elements[index]) }
    case .gelu:
      for index in 0..<count { elements[index] = FastMath.gelu(elements[index]) }
    case .quickGELU:
      for index in 0..<count { elements[index] = FastMath.quickGELU(elements[index]) }
    case .relu:
      for index in 0..<count { elements[index] = FastMath.relu(elements[index]) }
    }
  }
}
