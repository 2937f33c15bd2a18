/// Goes back from the outputs of a computation to its parameters.
///
/// Each gradient is added up in the order of the computation, so that it is the same for any number of threads.
final class BackwardPass {
  /// What has come so far, by node and output.
  private var gradients: [ObjectIdentifier: [Int: Tensor]] = [:]
  /// The gradients of leaves.
  private(set) var leaves: [ObjectIdentifier: Tensor] = [:]

  /// Goes back from outputs with the gradient of each.
  func run(_ seeds: [(output: Tensor, gradient: Tensor)]) {
    for (output, gradient) in seeds {
      precondition(
        output.shape == gradient.shape, "a gradient of \(gradient.shape) for \(output.shape)")
      if let edge = output.gradient { add(gradient, to: edge) }
    }
    var nodes = Self.nodes(below: seeds.compactMap { $0.output.gradient?.node })
    while let node = nodes.popLast() {
      guard let found = gradients.removeValue(forKey: ObjectIdentifier(node)) else { continue }
      if node.isLeaf {
        if let gradient = found[0] { addLeaf(ObjectIdentifier(node), gradient) }
        continue
      }
      let outputs = (found.keys.max() ?? 0) + 1
      let results = node.takeBackward()((0..<outputs).map { found[$0] }, self)
      for (edge, gradient) in zip(node.inputs, results) {
        if let edge, let gradient { add(gradient, to: edge) }
      }
    }
  }

  /// Takes over what another pass found, but for the leaves that were its own.
  func merge(_ other: BackwardPass, except own: Set<ObjectIdentifier>) {
    for (leaf, gradient) in other.leaves where !own.contains(leaf) { addLeaf(leaf, gradient) }
  }

  private func add(_ gradient: Tensor, to edge: GradientEdge) {
    let key = ObjectIdentifier(edge.node)
    let sum = gradients[key]?[edge.output].map { $0 + gradient } ?? gradient
    gradients[key, default: [:]][edge.output] = sum
  }

  private func addLeaf(_ leaf: ObjectIdentifier, _ gradient: Tensor) {
    leaves[leaf] = leaves[leaf].map { $0 + gradient } ?? gradient
  }

  /// All nodes from which the given ones were computed, and those themselves, in the order of making.
  private static func nodes(below roots: [GradientNode]) -> [GradientNode] {
    var seen: Set<ObjectIdentifier> = []
    var found: [GradientNode] = []
    var open = roots
    while let node = open.popLast() {
      guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
      found.append(node)
      open += node.inputs.compactMap { $0?.node }
    }
    return found.sorted { $0.order < $1.order }
  }
}

/// The gradients of a computation, by parameter.
public struct Gradients: Sendable {
  private let leaves: [ObjectIdentifier: Tensor]

  /// The gradient of a parameter; nil when it had no part in the computation.
  public subscript(_ parameter: Parameter) -> Tensor? { leaves[ObjectIdentifier(parameter.node)] }

  /// Goes back from a computation's output, once: what was kept for it is freed on the way.
  ///
  /// - Parameters:
  ///   - output: What was computed.
  ///   - gradient: The gradient of the loss with respect to it, of the same shape.
  public init(of output: Tensor, gradient: Tensor) {
    let pass = BackwardPass()
    pass.run([(output, gradient)])
    leaves = pass.leaves
  }
}
