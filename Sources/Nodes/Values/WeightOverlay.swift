import GraphRuntime
import ResgraphWeights

/// A change to a model's weights that is applied while they are read.
enum WeightOverlay: Sendable {
  /// Adds the product of two small matrices to each weight it names.
  case lora(LoRAAdapter, path: String, scale: Double, blocks: LoRABlockWeights? = nil)
  /// Blends weights towards replacements, by 0 (none) to 1 (the replacements alone).
  case replacement(any WeightSource, path: String, blend: Double)

  /// Whether the weights change at all.
  var isEffective: Bool {
    switch self {
    case .lora(_, _, let scale, _): scale != 0
    case .replacement(_, _, let blend): blend != 0
    }
  }

  /// Equal for equal changes within this process.
  var identity: String {
    switch self {
    case .lora(_, let path, let scale, let blocks):
      "lora \(scale) \(blocks?.identity ?? "") \(path)"
    case .replacement(_, let path, let blend): "replacement \(blend) \(path)"
    }
  }

  /// Matches the adapter with a model by headers alone.
  ///
  /// - Returns: Which of its keys found their place.
  /// - Throws: `WeightError` when the adapter is for another model.
  func check(_ base: any WeightSource, _ component: Component) throws -> LoadReport {
    switch self {
    case .lora(let adapter, _, _, _): try adapter.validate(against: base, component: component)
    case .replacement(let replacements, _, _):
      try ReplaceSource(base: base, replacements: replacements).report
    }
  }

  /// The changed weights.
  ///
  /// - Throws: `WeightError` when the adapter is for another model.
  func applied(to base: any WeightSource, prefix: String) throws -> any WeightSource {
    switch self {
    case .lora(let adapter, _, let scale, let blocks):
      try LoRASource(
        base: base, adapter: adapter, scale: Float(scale), prefix: prefix, blocks: blocks)
    case .replacement(let replacements, _, let blend):
      try ReplaceSource(base: base, replacements: replacements, blend: Float(blend))
    }
  }
}

extension NodeContext {
  /// Warns of parts of an adapter that found no place in the model.
  func warn(of report: LoadReport, _ path: String) {
    guard !report.unused.isEmpty else { return }
    let shown = report.unused.prefix(3).joined(separator: ", ")
    let more = report.unused.count > 3 ? " and \(report.unused.count - 3) more" : ""
    warn("\(path): parts that the model has no place for are left out: \(shown)\(more)")
  }
}
