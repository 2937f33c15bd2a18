import TensorRuntime

/// The tensor of a port value, or as much as is known of it.
///
/// While a graph is validated shapes are known, but numbers are not, and a prediction has a shape
/// only. Zeros need no memory until somebody computes with them.
enum TensorContent: Sendable {
  /// Zeros of a shape.
  case zeros([Int])
  /// Numbers.
  case numbers(Tensor)
  /// A value that only a run can make, of which only the shape is known.
  case predicted([Int])

  /// The dimensions.
  var shape: [Int] {
    switch self {
    case .zeros(let shape), .predicted(let shape): shape
    case .numbers(let tensor): tensor.shape
    }
  }

  /// The numbers.
  ///
  /// - Precondition: It is not a prediction.
  var tensor: Tensor {
    switch self {
    case .zeros(let shape): return Tensor.zeros(shape)
    case .numbers(let tensor): return tensor
    case .predicted(let shape):
      preconditionFailure("a predicted value of shape \(shape) has no numbers")
    }
  }

  /// Whether it is known to be all zeros.
  var isZeros: Bool { if case .zeros = self { true } else { false } }

  /// The memory held.
  var byteCount: Int {
    if case .numbers(let tensor) = self { return tensor.count * 4 }
    return 0
  }
}
