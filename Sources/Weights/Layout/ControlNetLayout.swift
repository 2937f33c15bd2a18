import ResgraphFiles

/// A ControlNet in a file or folder, with its tensors under diffusers' names.
///
/// It may be a folder of `config.json` and weights, or one file: with the original names, under
/// `control_model.` or by themselves, or with diffusers' names.
public struct ControlNetLayout: Sendable {
  /// The folder or file.
  public let path: String
  /// The content of `config.json`, or a configuration derived from the shapes of the tensors.
  public let config: JSONValue
  /// The tensors.
  public let source: any WeightSource
  /// The family of the models that it fits.
  public let family: ModelFamily

  /// Opens a ControlNet; only headers are read.
  ///
  /// - Parameter path: The folder or file.
  /// - Throws: `WeightError` when something is missing or malformed, or is no ControlNet.
  public init(path: String) throws {
    self.path = path
    if FileSystem.isDirectory(path) {
      let folder = try ComponentFolder(path: path)
      (source, config) = (folder.source, folder.config)
    } else {
      source = try Self.renamed(openWeightFile(path))
      config = SynthesizedConfig.controlNet(source)
    }
    guard source.entry(Self.anchor) != nil else {
      throw WeightError.invalidLayout(
        path: path, reason: "is no ControlNet (it has \(listed(source.keys)))")
    }
    family = ModelFamily(unetConfig: config)
  }

  /// The identity of tensors and configuration.
  public var digest: String {
    get throws { try Digest.fields([source.digest, config.canonicalText()]) }
  }

  private static let anchor = "controlnet_cond_embedding.conv_in.weight"

  /// Gives the tensors of a file diffusers' names, if it has the original ones.
  private static func renamed(_ file: any WeightSource) throws(WeightError) -> any WeightSource {
    if file.entry(anchor) != nil { return file }
    let prefix = ["control_model.", ""].first {
      file.entry($0 + "input_hint_block.0.weight") != nil
    }
    guard let prefix else {
      throw .invalidLayout(
        path: file.location, reason: "is no ControlNet (it has \(listed(file.keys)))")
    }
    let last = (0..<64).last { file.entry("\(prefix)input_hint_block.\($0).weight") != nil } ?? 0
    let origins = unetOrigins(file, prefix: prefix) { name in
      LDMNames.controlNet(name, lastHint: last)
    }
    return RenamedSource(base: file, origins: origins)
  }
}

extension LDMNames {
  /// diffusers' name for a tensor that a ControlNet has and a UNet does not.
  ///
  /// - Parameters:
  ///   - name: Such as `zero_convs.3.0.weight`.
  ///   - lastHint: The number of the stem's last convolution.
  /// - Returns: Such as `controlnet_down_blocks.3.weight`, or nil.
  static func controlNet(_ name: String, lastHint: Int) -> String? {
    let parts = name.split(separator: ".").map(String.init)
    guard parts.count >= 3, let index = Int(parts[1]), 0..<maximumIndex ~= index else { return nil }
    switch (parts[0], parts.count) {
    case ("zero_convs", 4) where parts[2] == "0":
      return "controlnet_down_blocks.\(index).\(parts[3])"
    case ("middle_block_out", 3) where index == 0: return "controlnet_mid_block.\(parts[2])"
    case ("input_hint_block", 3) where index % 2 == 0:
      let member =
        index == 0 ? "conv_in" : index == lastHint ? "conv_out" : "blocks.\(index / 2 - 1)"
      return "controlnet_cond_embedding.\(member).\(parts[2])"
    default: return nil
    }
  }
}

extension SynthesizedConfig {
  /// The `config.json` of a ControlNet with diffusers' names.
  static func controlNet(_ source: any WeightSource) -> JSONValue {
    let scope = WeightScope(source)
    let attention = "attn2.to_k.weight"
    let context = source.keys.first { $0.hasSuffix(attention) }.map { size(source, $0, 1) } ?? 0
    let isLinear = source.keys.contains { key in
      key.hasSuffix(".proj_in.weight") && source.entry(key)?.shape.count == 2
    }
    let family: ModelFamily =
      scope.has("add_embedding") ? .sdxl : isLinear || context == 1_024 ? .sd2 : .sd1
    var config = unet(source, family: family, isVelocity: false).objectValue ?? [:]
    let stem = "controlnet_cond_embedding"
    let halvings = count(source, "\(stem).blocks") / 2
    let widths =
      [size(source, "\(stem).conv_in.weight", 0)]
      + (0..<halvings).map { size(source, "\(stem).blocks.\(2 * $0 + 1).weight", 0) }
    config["_class_name"] = "ControlNetModel"
    // A ControlNet has no up blocks and no output.
    for name in ["up_block_types", "out_channels"] { config.removeValue(forKey: name) }
    // Small ControlNets for SDXL have no attention, so that no shape tells the width of the text.
    config["cross_attention_dim"] = .integer(context > 0 ? context : 2_048)
    config["use_linear_projection"] = .bool(isLinear)
    config["mid_block_type"] = .string(
      scope.has("mid_block.attentions") ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D")
    config["conditioning_channels"] = .integer(size(source, "\(stem).conv_in.weight", 1))
    config["conditioning_embedding_out_channels"] = .array(widths.map { .integer($0) })
    config["controlnet_conditioning_channel_order"] = "rgb"
    config["global_pool_conditions"] = false
    return .object(config)
  }
}
