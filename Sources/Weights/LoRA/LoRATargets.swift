/// Finds the weight of a module by any of the names that LoRA files use.
struct LoRATargets {
  /// The weight key by the module path with underscores for dots.
  private(set) var keys: [String: String] = [:]

  init(_ base: any WeightSource, component: Component) {
    let weights = base.keys.filter { $0.hasSuffix(".weight") }
    for key in weights {
      let path = String(key.dropLast(".weight".count))
      keys[Self.underscored(path)] = key
      if path.hasPrefix("text_model.") {
        keys[Self.underscored(String(path.dropFirst("text_model.".count)))] = key
      }
    }
    if component == .unet { addOriginalNames(base, weights) }
  }

  private static func underscored(_ path: String) -> String { path.replacing(".", with: "_") }

  private mutating func addOriginalNames(_ base: any WeightSource, _ weights: [String]) {
    let scope = WeightScope(base)
    let layers = SynthesizedConfig.count(base, "down_blocks.0.resnets")
    for key in weights {
      let original = LDMNames.original(
        unet: String(key.dropLast(".weight".count)), layersPerBlock: layers
      ) { scope.has("up_blocks.\($0).attentions") }
      if let original { keys[Self.underscored(original)] = key }
    }
  }
}

/// Assigns the modules of an adapter to the weights of a model, and checks their shapes.
struct LoRAPlan {
  let modules: [String: [LoRAAdapter.Module]]
  let report: LoadReport

  /// Matches an adapter with a model; see `LoRAAdapter.validate`.
  init(_ adapter: LoRAAdapter, base: any WeightSource, component: Component) throws(WeightError) {
    guard adapter.unsupportedKinds.isEmpty else {
      throw .unsupportedAdapter(
        adapter: adapter.path,
        reason:
          "is of a kind that is not supported: \(adapter.unsupportedKinds.joined(separator: ", "))")
    }
    let candidates = adapter.modules.filter { $0.component == component }
    let dropsOriginal = Self.mixesNames(candidates)
    let targets = LoRATargets(base, component: component)
    var modules: [String: [LoRAAdapter.Module]] = [:]
    var report = LoadReport(unused: adapter.unrecognizedKeys)
    var mismatch: WeightError?
    for module in candidates {
      guard let key = targets.keys[module.name], let shape = base.entry(key)?.shape,
        !(dropsOriginal && Self.isOriginal(module.name))
      else {
        report.unused.append(module.downKey)
        continue
      }
      guard let delta = module.deltaShape(for: shape), delta == shape else {
        report.shapeMismatched.append(module.downKey)
        mismatch =
          mismatch
          ?? .adapterMismatch(
            adapter: adapter.path, key: module.downKey, target: key, expected: shape,
            found: module.deltaShape(for: shape) ?? module.downShape, count: 1)
        continue
      }
      modules[key, default: []].append(module)
      report.matched.append(module.downKey)
    }
    if case .adapterMismatch(let path, let key, let target, let expected, let found, _) = mismatch {
      throw .adapterMismatch(
        adapter: path, key: key, target: target, expected: expected, found: found,
        count: report.shapeMismatched.count)
    }
    guard !modules.isEmpty else {
      let examples = candidates.isEmpty ? adapter.source.keys : candidates.map(\.downKey)
      throw .noMatchingKeys(
        adapter: adapter.path, target: component.rawValue, examples: Array(examples.prefix(3)))
    }
    self.modules = modules
    self.report = report
  }

  /// Whether the file has both families of names.
  ///
  /// Then only diffusers' names are read, as in diffusers.
  private static func mixesNames(_ modules: [LoRAAdapter.Module]) -> Bool {
    let todays = ["down_blocks", "mid_block", "up_blocks"]
    return modules.contains { isOriginal($0.name) }
      && modules.contains { module in todays.contains { module.name.contains($0) } }
  }

  private static func isOriginal(_ name: String) -> Bool {
    ["input_blocks", "middle_block", "output_blocks"].contains { name.contains($0) }
  }
}

extension LoRAAdapter.Module {
  /// The shape of the product as the weight of a layer; nil when it cannot be one.
  ///
  /// A LoRA of a linear layer fits a 1x1 convolution, and the other way round.
  func deltaShape(for target: [Int]) -> [Int]? {
    let kernel = downShape.count == 4 ? Array(downShape[2...]) : [1, 1]
    switch target.count {
    case 2: return kernel == [1, 1] ? [upShape[0], downShape[1]] : nil
    case 4: return [upShape[0], downShape[1]] + kernel
    default: return nil
    }
  }
}
