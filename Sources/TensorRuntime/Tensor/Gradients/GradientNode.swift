import Synchronization

/// One step of a computation whose gradient can be taken: what it was computed from, and the way back.
///
/// A tensor refers to the node that made it. Nodes exist only for what a parameter influences, so that
/// inference, and the layers below the first trainable one, keep nothing.
final class GradientNode: Sendable {
  /// Gives the gradients of the inputs for those of the outputs; nil for what has none.
  typealias Backward = @Sendable (_ gradients: [Tensor?], _ pass: BackwardPass) -> [Tensor?]

  /// Grows in the order of making: a node's inputs have lower numbers than itself.
  let order: Int
  /// Where the inputs came from; nil for inputs that no parameter influences.
  let inputs: [GradientEdge?]
  private let backward: Mutex<Backward?>
  private static let made = Atomic<Int>(0)

  init(inputs: [GradientEdge?], backward: Backward?) {
    order = Self.made.wrappingAdd(1, ordering: .relaxed).newValue
    self.inputs = inputs
    self.backward = Mutex(backward)
  }

  /// A node where the way back ends: a parameter, or an input whose gradient is wanted.
  static func leaf() -> GradientNode { GradientNode(inputs: [], backward: nil) }

  var isLeaf: Bool { inputs.isEmpty }

  /// The way back, which frees what it kept once it was gone.
  func takeBackward() -> Backward {
    let taken = backward.withLock { backward in
      defer { backward = nil }
      return backward
    }
    guard let taken else { preconditionFailure("a gradient was taken through this node before") }
    return taken
  }
}

/// One output of a node.
struct GradientEdge: Sendable {
  let node: GradientNode
  var output = 0
}

/// Notes that something would have been recorded where nothing is to be.
final class RecordingPause: Sendable {
  private let used = Atomic<Bool>(false)

  var wasUsed: Bool { used.load(ordering: .relaxed) }

  func noteUse() { used.store(true, ordering: .relaxed) }

  /// Set while nothing is recorded.
  @TaskLocal static var current: RecordingPause?
}

/// Computes without keeping what gradients need, such as a validation picture during training.
///
/// - Parameter body: What to compute.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws.
public func withoutGradients<R>(_ body: () throws -> R) rethrows -> R {
  try RecordingPause.$current.withValue(RecordingPause(), operation: body)
}

extension Tensor {
  /// The same values with a node for the way back, unless nothing is to be recorded.
  ///
  /// - Parameters:
  ///   - edges: Where the operands came from, in the order of `backward`'s result.
  ///   - backward: Gives their gradients.
  /// - Returns: The tensor with the node; without one where no operand has one, or nothing is recorded.
  func attached(to edges: [GradientEdge?], _ backward: @escaping GradientNode.Backward) -> Tensor {
    guard edges.contains(where: { $0 != nil }) else { return self }
    if let pause = RecordingPause.current {
      pause.noteUse()
      return withGradient(nil)
    }
    return withGradient(GradientEdge(node: GradientNode(inputs: edges, backward: backward)))
  }

  /// The same values with another way back.
  func withGradient(_ edge: GradientEdge?) -> Tensor {
    var tensor = self
    tensor.gradient = edge
    return tensor
  }

  /// Records a function of one tensor.
  @inline(__always)
  func recorded(
    from x: Tensor, _ backward: @escaping @Sendable (Tensor) -> Tensor
  ) -> Tensor {
    if x.gradient == nil { return self }
    return attached(to: [x.gradient]) { gradients, _ in [gradients[0].map(backward)] }
  }

  /// Records a function of two tensors.
  @inline(__always)
  func recorded(
    from x: Tensor, _ y: Tensor, _ backward: @escaping @Sendable (Tensor) -> (Tensor, Tensor)
  ) -> Tensor {
    if x.gradient == nil && y.gradient == nil { return self }
    return attached(to: [x.gradient, y.gradient]) { gradients, _ in
      guard let gradient = gradients[0] else { return [nil, nil] }
      let (first, second) = backward(gradient)
      return [first, second]
    }
  }

  /// Stops the program where a gradient would be lost: the op has no way back.
  @inline(__always)
  func refuseGradient(_ op: StaticString) {
    precondition(gradient == nil || RecordingPause.current != nil, "\(op) has no gradient")
  }
}
