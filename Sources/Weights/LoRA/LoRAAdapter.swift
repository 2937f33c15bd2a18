import ResgraphFiles
import TensorRuntime

/// A LoRA: for some modules of a model, two thin matrices whose product is added to the weight.
///
/// All usual spellings of the keys are read: kohya's, with diffusers' or the original block names;
/// diffusers' newer and older ones; PEFT's. Only headers and the one-value alphas are read when the
/// adapter is opened.
public struct LoRAAdapter: Sendable {
  /// One adapted module.
  struct Module: Sendable {
    let component: Component
    /// The module path with underscores for dots.
    let name: String
    let downKey: String
    let upKey: String
    let downShape: [Int]
    let upShape: [Int]
    /// The factor of the product, alpha / rank.
    let scale: Double

    var rank: Int { downShape.first ?? 0 }
  }

  /// The file.
  public let path: String
  /// The spelling of the keys, for people.
  public let dialect: String
  /// The ranks that occur, rising.
  public let ranks: [Int]
  /// The alphas that the file or its metadata give, rising; empty means alpha = rank.
  public let alphas: [Double]
  /// Kinds of adapters found in the file that are not supported, such as `DoRA`.
  public let unsupportedKinds: [String]
  /// Keys that belong to no adapter.
  public let unrecognizedKeys: [String]
  let modules: [Module]
  let source: any WeightSource
  private let extraIdentity: String

  /// Opens an adapter.
  ///
  /// - Parameter path: A file, or a folder with `pytorch_lora_weights.safetensors` or the like.
  /// - Throws: `WeightError` when the file is missing, malformed or no LoRA.
  public init(path: String) throws {
    let file = try Self.file(in: path)
    try self.init(openWeightFile(file), path: file, config: Self.config(beside: file))
  }

  /// Opens an adapter whose tensors are already open.
  ///
  /// - Parameters:
  ///   - source: The adapter's tensors.
  ///   - path: The name of the adapter in messages.
  /// - Throws: `WeightError` when the source holds no LoRA.
  public init(_ source: any WeightSource, path: String? = nil) throws {
    try self.init(source, path: path ?? source.location, config: nil)
  }

  private init(_ source: any WeightSource, path: String, config: JSONValue?) throws {
    var groups = LoRAGroups()
    for key in source.keys { groups.add(key) }
    guard !groups.parts.isEmpty else {
      throw WeightError.unsupportedAdapter(
        adapter: path, reason: "holds no LoRA (it has \(listed(source.keys)))")
    }
    let alphaRule = try LoRAAlphas(source: source, groups: groups, config: config)
    var modules: [Module] = []
    for (id, part) in groups.parts.sorted(by: { $0.key < $1.key }) where part.isPlain {
      modules.append(try Self.module(id, part, source, path, alphaRule))
    }
    self.source = source
    self.path = path
    self.modules = modules
    dialect = groups.dialects.sorted().joined(separator: ", ")
    ranks = Set(modules.map(\.rank)).sorted()
    alphas = alphaRule.values
    unsupportedKinds = groups.foreignKinds.union(alphaRule.usesDoRA ? ["DoRA"] : []).sorted()
    unrecognizedKeys = groups.unrecognized
    extraIdentity = config?.canonicalText() ?? ""
  }

  private static func module(
    _ id: LoRAGroups.ID, _ part: LoRAGroups.Part, _ source: any WeightSource, _ path: String,
    _ alphas: LoRAAlphas
  ) throws(WeightError) -> Module {
    guard let downKey = part.down, let upKey = part.up else {
      throw .unsupportedAdapter(
        adapter: path,
        reason: "module '\(id.module)' has no \(part.down == nil ? "down" : "up") matrix")
    }
    guard let down = source.entry(downKey)?.shape, let up = source.entry(upKey)?.shape,
      [2, 4].contains(down.count), [2, 4].contains(up.count), up[1] == down[0], down[0] > 0,
      up[2...].allSatisfy({ $0 == 1 })
    else {
      throw .unsupportedAdapter(
        adapter: path,
        reason:
          "module '\(id.module)': matrices of shapes \(source.entry(downKey)?.shape ?? []) and "
          + "\(source.entry(upKey)?.shape ?? []) have no product")
    }
    return Module(
      component: id.component, name: id.module, downKey: downKey, upKey: upKey, downShape: down,
      upShape: up, scale: alphas.scale(id, rank: down[0]))
  }

  /// Which models the adapter has modules for.
  public var components: [Component] {
    Component.allCases.filter { component in modules.contains { $0.component == component } }
  }

  /// The number of adapted modules.
  public var moduleCount: Int { modules.count }

  /// The identity of the adapter's content.
  public var digest: String {
    get throws { try Digest.fields(["lora", source.digest, extraIdentity]) }
  }

  /// Checks from headers that the adapter fits a model: its family and all shapes must be the
  /// model's, and at least one module must match.
  ///
  /// - Parameters:
  ///   - base: The model's tensors under diffusers' names.
  ///   - component: Which model `base` is.
  /// - Returns: Which modules found their place; modules of other components are not counted.
  /// - Throws: `WeightError` naming file, key, expected and found shape when the adapter belongs to
  ///   another model, nothing matches, or it is of a kind that is not supported.
  public func validate(
    against base: any WeightSource, component: Component
  ) throws -> LoadReport {
    try LoRAPlan(self, base: base, component: component).report
  }

  /// The adapter's file in a folder; a file is taken as it is.
  private static func file(in path: String) throws(WeightError) -> String {
    guard FileSystem.isDirectory(path) else { return path }
    let names = try FileSystem.names(in: path)
    let preferred = [
      "pytorch_lora_weights.safetensors", "adapter_model.safetensors", "pytorch_lora_weights.bin",
      "adapter_model.bin",
    ]
    if let name = preferred.first(where: names.contains) { return joinPath(path, name) }
    let files = names.filter { $0.hasSuffix(".safetensors") }
    guard files.count == 1 else {
      if files.isEmpty {
        throw .partMissing(path: path, reason: "no LoRA file (expected \(preferred[0]))")
      }
      throw .invalidLayout(path: path, reason: "several files: \(listed(files)); name one")
    }
    return joinPath(path, files[0])
  }

  /// Reads `adapter_config.json`, in which PEFT keeps alpha, from beside `adapter_model`.
  private static func config(beside file: String) throws(WeightError) -> JSONValue? {
    guard fileName(of: file).hasPrefix("adapter_model") else { return nil }
    let path = joinPath(folderName(of: file), "adapter_config.json")
    return FileSystem.exists(path) ? try JSONValue.read(path: path) : nil
  }
}

/// The keys of a LoRA file gathered by module.
struct LoRAGroups {
  struct ID: Hashable, Comparable {
    let component: Component
    let module: String

    static func < (left: ID, right: ID) -> Bool {
      (left.component.rawValue, left.module) < (right.component.rawValue, right.module)
    }
  }

  struct Part {
    var down: String?
    var up: String?
    var alpha: String?
    var foreign: String?

    /// Whether this module has a matrix of a plain LoRA and nothing else.
    var isPlain: Bool { foreign == nil && (down != nil || up != nil) }
  }

  var parts: [ID: Part] = [:]
  var dialects: Set<String> = []
  var foreignKinds: Set<String> = []
  var unrecognized: [String] = []

  mutating func add(_ key: String) {
    guard let parsed = LoRAKey(key) else {
      unrecognized.append(key)
      return
    }
    let id = ID(component: parsed.component, module: parsed.module)
    switch parsed.role {
    case .down:
      parts[id, default: Part()].down = key
      dialects.insert(parsed.dialect.rawValue)
    case .up: parts[id, default: Part()].up = key
    case .alpha: parts[id, default: Part()].alpha = key
    case .foreign(let kind):
      parts[id, default: Part()].foreign = kind
      foreignKinds.insert(kind)
    }
  }
}
