import ResgraphWeights

/// A checkpoint with changes laid over its weights, as a description.
///
/// An adapter is matched with the model once, when it is added. Weights are read, and changed, only
/// when a model is built from `source(_:)`.
package struct OverlaidCheckpoint: Sendable {
  /// The checkpoint.
  package let base: CheckpointReference
  /// Changes to the weights, in the order in which they are applied.
  package private(set) var overlays: [WeightOverlay] = []
  /// The weights of those parts that have changed.
  private var sources: [Component: any WeightSource] = [:]

  /// A checkpoint as it is.
  package init(_ base: CheckpointReference) { self.base = base }

  /// Equal for checkpoints that give equal models in this process.
  package var identity: String {
    ([base.path] + overlays.map(\.identity)).joined(separator: "\n")
  }

  /// Lays one more change over parts; one of strength 0 leaves the checkpoint as it is.
  ///
  /// For every part it says which of the adapter's keys found their place; an adapter for another
  /// model is a `WeightError`.
  package mutating func add(
    _ overlay: WeightOverlay, to components: [Component]
  ) throws -> [LoadReport] {
    let matches = try components.map { try overlay.applied(to: source($0), $0) }
    let changes = zip(components, matches).compactMap { component, match in
      match.source.map { (component, $0) }
    }
    sources.merge(changes) { $1 }
    if !changes.isEmpty { overlays.append(overlay) }
    return matches.map(\.report)
  }

  /// The weights of a part with all overlays, read from the files on demand.
  package func source(_ component: Component) throws -> any WeightSource {
    try sources[component] ?? base.layout.source(component)
  }
}
