import ResgraphFiles
import TensorRuntime

/// Describes a weight file or folder, from headers alone.
///
/// `resgraph inspect` prints it.
public struct WeightDescription: Sendable {
  /// The kinds of files and folders.
  public enum Kind: String, Sendable {
    /// A folder with `model_index.json`.
    case checkpointFolder = "checkpoint folder"
    /// A file with UNet, text encoder and autoencoder under the original names.
    case checkpointFile = "single-file checkpoint"
    /// The denoising network alone.
    case unet
    /// The autoencoder alone.
    case autoencoder
    /// A CLIP text encoder alone.
    case textEncoder = "text encoder"
    /// A ControlNet under either naming.
    case controlNet = "ControlNet"
    /// A T2I-Adapter.
    case t2iAdapter = "T2I-Adapter"
    /// An IP-Adapter.
    case ipAdapter = "IP-Adapter"
    /// A LoRA, or an adapter of a related kind that is not supported.
    case lora = "LoRA"
    /// A ResAdapter with at least one of its two parts.
    case resAdapter = "ResAdapter"
    /// Tensors of no known purpose.
    case unknown
  }

  /// Facts about an adapter.
  public struct Adapter: Sendable {
    /// The spelling of its keys.
    public let dialect: String
    /// The models it has modules for.
    public let components: [Component]
    /// The number of adapted modules.
    public let moduleCount: Int
    /// The ranks that occur.
    public let ranks: [Int]
    /// The alphas that occur; empty means alpha = rank.
    public let alphas: [Double]
    /// Kinds of adapters in the file that are not supported.
    public let unsupportedKinds: [String]
  }

  /// The file or folder.
  public let path: String
  /// The kind of file or folder.
  public let kind: Kind
  /// `safetensors`, `torch` or `folder`.
  public let format: String
  /// The family of the models it belongs to; nil where that cannot be told.
  public let family: ModelFamily?
  /// The number of tensors.
  public let tensorCount: Int
  /// The number of values in all tensors.
  public let parameterCount: Int
  /// The number of tensors of each element type, readable or not.
  public let elementTypes: [String: Int]
  /// The metadata of a safetensors file.
  public let metadata: [String: String]
  /// Facts about the LoRA; nil for files without one.
  public let adapter: Adapter?
  /// The sizes a released ResAdapter was made for.
  public let range: ResAdapterRange?

  /// Describes a path; only headers are read.
  ///
  /// - Parameter path: A weight file, or a folder of a checkpoint, model or adapter.
  /// - Throws: `WeightError` when there is nothing that can be read.
  public init(path: String) throws {
    let contents =
      try FileSystem.kind(of: path) == .folder
      ? try Contents(folder: path) : try Contents(file: openWeightFile(path))
    self.path = path
    kind = contents.kind
    format = contents.format
    family = contents.family
    metadata = contents.metadata
    let lora = contents.lora
    adapter = lora.map {
      Adapter(
        dialect: $0.dialect, components: $0.components, moduleCount: $0.moduleCount,
        ranks: $0.ranks, alphas: $0.alphas, unsupportedKinds: $0.unsupportedKinds)
    }
    range = kind == .resAdapter ? ResAdapterRange.named(by: path) : nil
    var counts: [String: Int] = [:]
    for source in contents.sources {
      for key in source.keys {
        guard let entry = source.entry(key) else { continue }
        counts[entry.dtype.rawValue, default: 0] += 1
      }
      for name in source.unreadable.values {
        counts[name, default: 0] += 1
      }
    }
    elementTypes = counts
    tensorCount = counts.values.reduce(0, +)
    parameterCount = Self.parameterCount(of: contents.sources)
  }

  /// The number of values in all tensors, at most `Int.max`: a tensor of a torch file may repeat
  /// its elements without end.
  static func parameterCount(of sources: [any WeightSource]) -> Int {
    sources.flatMap { source in source.keys.compactMap { source.entry($0)?.count } }
      .reduce(0) { total, count in
        let (sum, overflow) = total.addingReportingOverflow(count)
        return overflow ? .max : sum
      }
  }

  /// The description as a JSON object, for machines.
  public var json: JSONValue {
    var members: [String: JSONValue] = [
      "path": .string(path), "kind": .string(kind.rawValue), "format": .string(format),
      "tensors": .integer(tensorCount), "parameters": .integer(parameterCount),
      "dtypes": .object(elementTypes.mapValues { .integer($0) }),
      "metadata": .object(metadata.mapValues { .string($0) }),
    ]
    if let family { members["family"] = .string(family.rawValue) }
    if let adapter { members["adapter"] = adapter.json }
    if let range {
      members["sides"] = [.integer(range.sides.lowerBound), .integer(range.sides.upperBound)]
      members["aspects"] = [.number(range.aspects.lowerBound), .number(range.aspects.upperBound)]
    }
    return .object(members)
  }
}

extension WeightDescription.Adapter {
  /// The adapter as a JSON object.
  var json: JSONValue {
    [
      "dialect": .string(dialect), "components": .array(components.map { .string($0.rawValue) }),
      "modules": .integer(moduleCount), "ranks": .array(ranks.map { .integer($0) }),
      "alphas": .array(alphas.map { .number($0) }),
      "unsupported": .array(unsupportedKinds.map { .string($0) }),
    ]
  }
}

/// The opened contents behind a description.
private struct Contents {
  var kind = WeightDescription.Kind.unknown
  var format: String
  var family: ModelFamily?
  var sources: [any WeightSource]
  var metadata: [String: String] = [:]
  var lora: LoRAAdapter?

  init(folder: String) throws {
    format = "folder"
    if FileSystem.exists(joinPath(folder, "model_index.json")) {
      let layout = try CheckpointLayout.open(path: folder)
      kind = .checkpointFolder
      family = layout.family
      sources = try layout.components.map { try layout.source($0) }
    } else if FileSystem.exists(joinPath(folder, "config.json")) {
      let opened = try ComponentFolder(path: folder)
      sources = [opened.source]
      kind = modelKind(opened.source)
      if kind == .unet || kind == .controlNet { family = ModelFamily(unetConfig: opened.config) }
    } else if let adapter = try? ResAdapterFiles(path: folder), adapter.norms != nil {
      sources = []
      setResAdapter(adapter)
    } else {
      let adapter = try LoRAAdapter(path: folder)
      sources = [adapter.source]
      setLoRA(adapter)
    }
  }

  init(file: any WeightSource) throws {
    format = file is TorchFile ? WeightFormat.torch.rawValue : WeightFormat.safetensors.rawValue
    sources = [file]
    metadata = fileMetadata(of: file)
    if file.keys.contains(where: { LoRAKey($0) != nil }) {
      if let adapter = try? ResAdapterFiles(path: file.location), adapter.norms != nil {
        setResAdapter(adapter)
      } else {
        setLoRA(try LoRAAdapter(file))
      }
    } else if let layout = try? CheckpointLayout.open(path: file.location) {
      kind = .checkpointFile
      family = layout.family
    } else if let adapter = try? ResAdapterFiles(path: file.location) {
      setResAdapter(adapter)
    } else {
      kind = modelKind(file)
      family = kind == .unet || kind == .controlNet ? familyByShape(file) : nil
    }
  }

  private mutating func setLoRA(_ adapter: LoRAAdapter) {
    lora = adapter
    let isSampler = adapter.modules.allSatisfy { module in
      module.name.contains("samplers_0_conv") && module.component == .unet
    }
    kind = isSampler && !adapter.modules.isEmpty ? .resAdapter : .lora
    family = adapterFamily(adapter)
  }

  private mutating func setResAdapter(_ adapter: ResAdapterFiles) {
    kind = .resAdapter
    lora = adapter.lora
    sources = [adapter.lora?.source, adapter.norms].compactMap { $0 }
    // The number of levels tells the families apart: SDXL has three, the others four.
    let isLarge = adapter.norms.map { $0.entry("down_blocks.3.resnets.0.norm1.weight") == nil }
    family = isLarge.map { $0 ? .sdxl : .sd1 } ?? adapter.lora.flatMap(adapterFamily)
  }
}

/// Recognises a model by the names of its tensors.
private func modelKind(_ source: any WeightSource) -> WeightDescription.Kind {
  let scope = WeightScope(source)
  let marks: [(String, WeightDescription.Kind)] = [
    ("controlnet_cond_embedding", .controlNet), ("control_model", .controlNet),
    ("controlnet_down_blocks", .controlNet), ("image_proj", .ipAdapter), ("ip_adapter", .ipAdapter),
    ("adapter.body", .t2iAdapter), ("body", .t2iAdapter), ("up_blocks", .unet),
    ("model.diffusion_model", .unet), ("decoder", .autoencoder),
    ("first_stage_model", .autoencoder),
    ("text_model", .textEncoder), ("cond_stage_model", .textEncoder),
  ]
  return marks.first { scope.has($0.0) }?.1 ?? .unknown
}

/// Finds a UNet's family by the width of the text that its attention reads.
private func familyByShape(_ source: any WeightSource) -> ModelFamily? {
  let scope = WeightScope(source)
  if scope.has("add_embedding") || scope.has("control_model.label_emb") { return .sdxl }
  let key = source.keys.first { $0.hasSuffix("attn2.to_k.weight") }
  switch key.flatMap({ source.entry($0)?.shape.last }) {
  case 768: return .sd1
  case 1024: return .sd2
  case 2048: return .sdxl
  default: return nil
  }
}

/// Finds an adapter's family by the width of the text that its attention modules read, or by its
/// text encoders.
private func adapterFamily(_ adapter: LoRAAdapter) -> ModelFamily? {
  if adapter.components.contains(.textEncoder2) { return .sdxl }
  let module = adapter.modules.first { $0.component == .unet && $0.name.hasSuffix("attn2_to_k") }
  switch module?.downShape[1] {
  case 768: return .sd1
  case 1024: return .sd2
  case 2048: return .sdxl
  default: return nil
  }
}
