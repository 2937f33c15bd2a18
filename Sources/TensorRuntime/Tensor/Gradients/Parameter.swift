import Synchronization

/// A tensor that training changes.
///
/// Layers made from a parameter read its value at every call.
public final class Parameter: Sendable {
  /// What the parameter is called in files.
  public let name: String
  /// The dimensions, which never change.
  public let shape: [Int]
  let node = GradientNode.leaf()
  private let current: Mutex<Tensor>

  /// Makes a parameter.
  ///
  /// - Parameters:
  ///   - name: What it is called in files.
  ///   - value: What it is at first.
  public init(_ name: String, _ value: Tensor) {
    self.name = name
    shape = value.shape
    current = Mutex(value.contiguous().withGradient(nil))
  }

  /// The present value; setting one of another shape is a mistake of the program.
  public var value: Tensor {
    get { current.withLock { $0 } }
    set {
      precondition(newValue.shape == shape, "\(name) is \(shape), not \(newValue.shape)")
      current.withLock { $0 = newValue.contiguous().withGradient(nil) }
    }
  }

  /// The present value as an operand whose gradient is wanted.
  public var operand: Tensor { value.withGradient(edge) }

  var edge: GradientEdge { GradientEdge(node: node) }
}
