/// Runs a part of a model of which only the inputs are kept: for its gradient it is run again.
///
/// - Parameters:
///   - inputs: Everything that carries gradients into the part, besides parameters.
///   - body: The part; it gives the same outputs for the same inputs.
/// - Returns: What `body` gives.
public func recomputingForGradient(
  _ inputs: [Tensor], _ body: @escaping @Sendable ([Tensor]) -> [Tensor]
) -> [Tensor] {
  let pause = RecordingPause()
  let outputs = RecordingPause.$current.withValue(pause) { body(inputs) }
  guard pause.wasUsed else { return outputs }
  if let outer = RecordingPause.current {
    outer.noteUse()
    return outputs
  }
  let plain = inputs.map { $0.withGradient(nil) }
  let wanted = inputs.map { $0.gradient != nil }
  // A part whose parameters alone want gradients has no edges below it, but is no leaf.
  let edges = inputs.map(\.gradient) + [GradientEdge(node: .leaf())]
  let node = GradientNode(inputs: edges) { gradients, pass in
    let leaves = wanted.map { $0 ? GradientNode.leaf() : nil }
    let again = body(
      zip(plain, leaves).map { input, leaf in
        leaf.map { input.withGradient(GradientEdge(node: $0)) } ?? input
      })
    let inner = BackwardPass()
    inner.run(
      zip(again, gradients).compactMap { output, gradient in gradient.map { (output, $0) } })
    pass.merge(inner, except: Set(leaves.compactMap { $0.map { ObjectIdentifier($0) } }))
    return leaves.map { $0.flatMap { inner.leaves[ObjectIdentifier($0)] } } + [nil]
  }
  return outputs.enumerated().map { index, output in
    output.withGradient(GradientEdge(node: node, output: index))
  }
}
