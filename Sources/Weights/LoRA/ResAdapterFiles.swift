import ResgraphFiles
import TensorRuntime

/// The files of a ResAdapter: a LoRA of the sampler convolutions, the norms of the resnets, or
/// both.
///
/// These forms are read: the released folders; the names of the first releases
/// (`resolution_lora.safetensors`, `resolution_normalization.safetensors`); the files of the
/// community's training script (PEFT keys without alpha, `groupnorm_state_dict.pt`, nested or
/// flat); and a single file with one part or both.
public struct ResAdapterFiles: Sendable {
  /// The folder or file.
  public let path: String
  /// The LoRA of the down- and upsampler convolutions.
  public let lora: LoRAAdapter?
  /// Weights and biases of `norm1` and `norm2` of the resnets, under diffusers' names.
  public let norms: (any WeightSource)?

  private static let loraNames = [
    "pytorch_lora_weights.safetensors", "resolution_lora.safetensors", "pytorch_lora_weights.bin",
  ]
  private static let normNames = [
    "diffusion_pytorch_model.safetensors", "resolution_normalization.safetensors",
    "groupnorm_state_dict.safetensors", "groupnorm_state_dict.pt", "diffusion_pytorch_model.bin",
  ]

  /// Opens an adapter and reads its headers.
  ///
  /// - Parameter path: A folder with one or both files, or a file.
  /// - Throws: `WeightError` when nothing has that path, or it is no ResAdapter or is malformed.
  public init(path: String) throws {
    self.path = path
    guard FileSystem.isDirectory(path) else {
      (lora, norms) = try Self.parts(of: openWeightFile(path))
      try checkAdaptsSamplers()
      return
    }
    let names = try FileSystem.names(in: path)
    let loraName = Self.loraNames.first(where: names.contains)
    let normName = Self.normNames.first(where: names.contains)
    guard loraName != nil || normName != nil else {
      throw WeightError.partMissing(
        path: path,
        reason: "no ResAdapter (expected \(Self.loraNames[0]) and \(Self.normNames[0]); "
          + "the folder has \(listed(names)))")
    }
    lora = try loraName.map { try LoRAAdapter(path: joinPath(path, $0)) }
    norms = try normName.map { try Self.norms(of: openWeightFile(joinPath(path, $0))) }
    try checkAdaptsSamplers()
  }

  /// Names the parts of the LoRA that a ResAdapter does not have, in one sentence each.
  public var notes: [String] {
    guard let lora else { return [] }
    var notes: [String] = []
    let others = lora.modules.filter { $0.component == .unet && !$0.isSamplerConvolution }
    if !others.isEmpty {
      notes.append(
        "adapts \(others.count) more than the sampler convolutions (\(listed(others.map(\.name)))): "
          + "an ordinary LoRA is usually given to LoRALoad")
    }
    if lora.modules.contains(where: { $0.component != .unet }) {
      notes.append("its text-encoder part is ignored, as a ResAdapter has none")
    }
    return notes
  }

  /// Refuses a LoRA that adapts no sampler convolution, for it is no ResAdapter.
  private func checkAdaptsSamplers() throws(WeightError) {
    // Adapters of kinds that are not supported have no modules. They are refused later, by name.
    guard let lora, lora.unsupportedKinds.isEmpty,
      !lora.modules.contains(where: \.isSamplerConvolution)
    else { return }
    throw .unsupportedAdapter(
      adapter: lora.path,
      reason: "adapts no sampler convolution (downsamplers.*.conv, upsamplers.*.conv): "
        + "this is not a ResAdapter; use LoRALoad")
  }

  private static func parts(
    of file: any WeightSource
  ) throws -> (LoRAAdapter?, (any WeightSource)?) {
    let loraKeys = file.keys.filter { LoRAKey($0) != nil }
    if loraKeys.isEmpty { return (nil, try norms(of: file)) }
    if loraKeys.count == file.keys.count { return (try LoRAAdapter(file), nil) }
    let isLoRA = Set(loraKeys)
    let lora = SubsetSource(base: file, keys: loraKeys)
    let rest = SubsetSource(base: file, keys: file.keys.filter { !isLoRA.contains($0) })
    return (try LoRAAdapter(lora), try norms(of: rest))
  }

  /// Gives the norms diffusers' names.
  ///
  /// A file with any other tensor is refused.
  private static func norms(of file: any WeightSource) throws -> any WeightSource {
    var origins: [String: WeightOrigin] = [:]
    for key in file.keys {
      let name = ["unet.", "module."].reduce(key) { name, prefix in
        name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
      }
      guard isNorm(name) else {
        throw WeightError.unsupportedAdapter(
          adapter: file.location,
          reason: "has '\(key)', which is no norm of a resnet: this is not a ResAdapter")
      }
      origins[name] = WeightOrigin(key: key)
    }
    guard !origins.isEmpty else {
      throw WeightError.unsupportedAdapter(adapter: file.location, reason: "holds no tensors")
    }
    let isChanged = origins.contains { $0.key != $0.value.key }
    return isChanged ? RenamedSource(base: file, origins: origins) : file
  }

  /// Whether a name is that of a resnet's norm, such as `….resnets.N.norm1.weight`.
  private static func isNorm(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count >= 5, let kind = parts.last, ["weight", "bias"].contains(kind) else {
      return false
    }
    return ["norm1", "norm2"].contains(parts[parts.count - 2])
      && Int(parts[parts.count - 3]) != nil && parts[parts.count - 4] == "resnets"
  }

  /// Checks from headers that the adapter fits a UNet.
  ///
  /// - Parameter unet: The UNet's tensors under diffusers' names.
  /// - Returns: Which keys found their place.
  /// - Throws: `WeightError` naming file, key, expected and found shape when it belongs to another model.
  public func validate(against unet: any WeightSource) throws -> LoadReport {
    var report = LoadReport()
    if let lora { report = try lora.validate(against: unet, component: .unet) }
    if let norms { report = report.joined(with: try ReplaceSource.validate(norms, against: unet)) }
    return report
  }

  /// Lays the adapter over a UNet.
  ///
  /// - Parameters:
  ///   - unet: The UNet's tensors under diffusers' names.
  ///   - weight: Scales the LoRA.
  ///   - normWeight: Blends the norms; 1 replaces them, as the authors do.
  /// - Returns: The overlaid source; only headers have been read.
  /// - Throws: `WeightError` when the adapter belongs to another model.
  public func applied(
    to unet: any WeightSource, weight: Float = 1, normWeight: Float = 1
  ) throws -> any WeightSource {
    var source = unet
    if let lora { source = try LoRASource(base: source, adapter: lora, scale: weight) }
    if let norms {
      source = try ReplaceSource(base: source, replacements: norms, blend: normWeight)
    }
    return source
  }

  /// The identity of the adapter's content.
  public var digest: String {
    get throws { try Digest.fields(["resadapter", lora?.digest ?? "", norms?.digest ?? ""]) }
  }
}

extension LoRAAdapter.Module {
  /// Whether the module is the convolution of a down- or upsampler, under diffusers' or the
  /// original names.
  var isSamplerConvolution: Bool {
    guard component == .unet else { return false }
    let words = name.split(separator: "_")
    if words.last == "conv" {
      return words.contains("downsamplers") || words.contains("upsamplers")
        || name.hasPrefix("output_blocks_")
    }
    return words.last == "op" && name.hasPrefix("input_blocks_")
  }
}

/// A source that shows only some tensors of another one.
struct SubsetSource: WeightSource {
  let base: any WeightSource
  let keys: [String]
  private let kept: Set<String>

  init(base: any WeightSource, keys: [String]) {
    self.base = base
    self.keys = keys.sorted()
    kept = Set(keys)
  }

  var location: String { base.location }
  func entry(_ key: String) -> WeightEntry? { kept.contains(key) ? base.entry(key) : nil }

  func tensor(_ key: String) throws -> RawTensor {
    guard kept.contains(key) else { throw missing(key) }
    return try base.tensor(key)
  }

  var digest: String {
    get throws { try Digest.fields(["subset", base.digest] + keys) }
  }
}

/// The metadata of the safetensors file behind a source, empty for others.
func fileMetadata(of source: any WeightSource) -> [String: String] {
  if let subset = source as? SubsetSource { return fileMetadata(of: subset.base) }
  return (source as? SafetensorsFile)?.metadata ?? [:]
}
