import ResgraphFiles
import TensorRuntime

/// The rule that turns alphas and ranks into scales, as diffusers applies it.
///
/// A module's own alpha counts first. A module without one, in a component that has alphas, takes
/// the component's most common alpha. Where a component has none, the metadata of the file gives it
/// (`lora_adapter_metadata` of diffusers, `adapter_config.json` of PEFT), and without metadata
/// alpha equals the rank.
///
/// One difference is deliberate: in files with kohya's keys diffusers 0.42 does not find the alphas
/// of attention modules and uses the most common one. Here each module's own alpha counts, as the
/// file's author meant.
struct LoRAAlphas {
  /// The alphas that occur, in ascending order.
  let values: [Double]
  let usesDoRA: Bool
  private let own: [LoRAGroups.ID: Double]
  private let common: [Component: Double]
  private let configs: [Component: Config]

  /// The alphas of a configuration file.
  private struct Config {
    let alpha: Double
    let pattern: [String: Double]
    let usesRootScale: Bool
    let usesDoRA: Bool
  }

  init(source: any WeightSource, groups: LoRAGroups, config: JSONValue?) throws {
    var own: [LoRAGroups.ID: Double] = [:]
    var counts: [Component: [Double: Int]] = [:]
    for (id, part) in groups.parts {
      guard let key = part.alpha else { continue }
      guard source.entry(key)?.count == 1 else {
        throw WeightError.unsupportedAdapter(
          adapter: source.location,
          reason: "'\(key)' has shape \(source.entry(key)?.shape ?? []), not one value")
      }
      let alpha = Double(try source.tensor(key).floats()[0])
      guard alpha.isFinite else {
        throw WeightError.unsupportedAdapter(
          adapter: source.location, reason: "'\(key)' is not a finite number")
      }
      own[id] = alpha
      counts[id.component, default: [:]][alpha, default: 0] += 1
    }
    self.own = own
    common = counts.compactMapValues { values in
      values.max { ($0.value, -$0.key) < ($1.value, -$1.key) }?.key
    }
    configs = own.isEmpty ? try Self.configs(source, config) : [:]
    usesDoRA = configs.values.contains(where: \.usesDoRA)
    values = Set(own.values).union(configs.values.map(\.alpha)).sorted()
  }

  /// alpha / rank, or alpha / √rank where the configuration says so.
  func scale(_ id: LoRAGroups.ID, rank: Int) -> Double {
    let rank = Double(rank)
    if let alpha = own[id] ?? common[id.component] { return alpha / rank }
    guard let config = configs[id.component] else { return 1 }
    let exception = config.pattern.first { pattern, _ in
      id.module == pattern || id.module.hasSuffix("_" + pattern)
    }
    let alpha = exception?.value ?? config.alpha
    return config.usesRootScale ? alpha / rank.squareRoot() : alpha / rank
  }

  private static func configs(
    _ source: any WeightSource, _ beside: JSONValue?
  ) throws(WeightError) -> [Component: Config] {
    var configs: [Component: Config] = [:]
    for component in Component.allCases { configs[component] = beside.flatMap { parse($0, "") } }
    guard let text = fileMetadata(of: source)["lora_adapter_metadata"] else {
      return configs
    }
    let metadata: JSONValue
    do throws(JSONError) {
      metadata = try JSONValue.parse(text)
    } catch {
      throw .malformed(
        path: source.location, format: "LoRA", reason: "lora_adapter_metadata: \(error)")
    }
    for component in Component.allCases {
      if let config = parse(metadata, component.rawValue + ".") ?? parse(metadata, "") {
        configs[component] = config
      }
    }
    return configs
  }

  private static func parse(_ config: JSONValue, _ prefix: String) -> Config? {
    guard let alpha = config.double(prefix + "lora_alpha") else { return nil }
    var pattern: [String: Double] = [:]
    for (name, value) in config[prefix + "alpha_pattern"]?.objectValue ?? [:] {
      pattern[name.replacing(".", with: "_")] = value.doubleValue
    }
    return Config(
      alpha: alpha, pattern: pattern, usesRootScale: config.bool(prefix + "use_rslora") ?? false,
      usesDoRA: config.bool(prefix + "use_dora") ?? false)
  }
}
