import DiffusionModels
import GraphRuntime
import ResgraphWeights

extension OverlaidCheckpoint {
  /// Lays an adapter over parts, and warns of what in it found no place.
  func adding(
    _ overlay: WeightOverlay, to components: [Component], as path: InputPath,
    _ context: NodeContext
  ) throws -> OverlaidCheckpoint {
    var result = self
    for report in try result.add(overlay, to: components) where !report.unused.isEmpty {
      let shown = report.unused.prefix(3).joined(separator: ", ")
      let more = report.unused.count > 3 ? " and \(report.unused.count - 3) more" : ""
      context.warn(
        "\(path.written): parts that the model has no place for are left out: \(shown)\(more)")
    }
    return result
  }
}
