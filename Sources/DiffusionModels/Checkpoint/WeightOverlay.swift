import ResgraphWeights

/// A change to a model's weights that is applied while they are read.
package enum WeightOverlay: Sendable {
  /// Adds the product of two small matrices to each weight it names.
  case lora(LoRAAdapter, path: String, scale: Double, blocks: LoRABlockWeights? = nil)
  /// Blends weights towards replacements, by 0 (none) to 1 (the replacements alone).
  case replacement(any WeightSource, path: String, blend: Double)

  /// Equal for equal changes within this process.
  var identity: String {
    switch self {
    case .lora(_, let path, let scale, let blocks):
      "lora \(scale) \(blocks?.identity ?? "") \(path)"
    case .replacement(_, let path, let blend): "replacement \(blend) \(path)"
    }
  }

  /// Matches the change with a model by headers alone: the changed weights, nil where they stay
  /// what they are, and which keys found their place.
  func applied(
    to base: any WeightSource, _ component: Component
  ) throws -> (source: (any WeightSource)?, report: LoadReport) {
    switch self {
    case .lora(let adapter, _, let scale, let blocks):
      let source = try LoRASource(
        base: base, adapter: adapter, scale: Float(scale), component: component, blocks: blocks)
      return (source.changesNothing ? nil : source, source.report)
    case .replacement(let replacements, _, let blend):
      let source = try ReplaceSource(base: base, replacements: replacements, blend: Float(blend))
      return (source.changesNothing ? nil : source, source.report)
    }
  }
}
