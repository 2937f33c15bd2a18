/// The names of the original latent-diffusion code and diffusers' names for the same modules.
///
/// All functions take names below the component's prefix and return nil for names they do not know.
enum LDMNames {
  /// The largest number in a name that can be a block's.
  static let maximumIndex = 1000

  private static func blockIndex(_ text: String) -> Int? {
    Int(text).flatMap { (0..<maximumIndex).contains($0) ? $0 : nil }
  }

  // MARK: UNet

  private static let resnetParts = [
    ("in_layers.0", "norm1"), ("in_layers.2", "conv1"), ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"), ("out_layers.3", "conv2"), ("skip_connection", "conv_shortcut"),
  ]

  private static let outerParts = [
    ("time_embed.0", "time_embedding.linear_1"), ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"), ("label_emb.0.2", "add_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"), ("out.0", "conv_norm_out"), ("out.2", "conv_out"),
  ]

  /// Replaces the leading module path of a name by the one that a table has for it.
  private static func exchange(_ name: String, _ table: [(String, String)]) -> String? {
    for (old, new) in table {
      if name == old { return new }
      if name.hasPrefix(old + ".") { return new + name.dropFirst(old.count) }
    }
    return nil
  }

  private static func reversed(_ table: [(String, String)]) -> [(String, String)] {
    table.map { ($0.1, $0.0) }
  }

  /// diffusers' name for a UNet tensor or module.
  ///
  /// - Parameters:
  ///   - name: Such as `input_blocks.1.0.in_layers.2.weight`.
  ///   - layers: Resnets per down block.
  /// - Returns: Such as `down_blocks.0.resnets.0.conv1.weight`, or nil.
  static func unet(_ name: String, layersPerBlock layers: Int) -> String? {
    if let outer = exchange(name, outerParts) { return outer }
    let parts = name.split(separator: ".", maxSplits: 3).map(String.init)
    if parts.first == "middle_block", parts.count >= 3 {
      return middle(parts[1], rest: parts[2...].joined(separator: "."))
    }
    guard parts.count == 4, let block = blockIndex(parts[1]) else { return nil }
    let rest = parts[3]
    switch (parts[0], parts[2]) {
    case ("input_blocks", _) where block == 0: return nil
    case ("input_blocks", let sub):
      let path = "down_blocks.\((block - 1) / (layers + 1))"
      let layer = (block - 1) % (layers + 1)
      if sub == "0", let tail = tail(rest, after: "op") {
        return "\(path).downsamplers.0.conv\(tail)"
      }
      return inner(path, sub, layer, rest)
    case ("output_blocks", let sub):
      let path = "up_blocks.\(block / (layers + 1))"
      if sub != "0", let tail = tail(rest, after: "conv") {
        return "\(path).upsamplers.0.conv\(tail)"
      }
      return inner(path, sub, block % (layers + 1), rest)
    default: return nil
    }
  }

  private static func tail(_ text: String, after word: String) -> String? {
    if text == word { return "" }
    return text.hasPrefix(word + ".") ? String(text.dropFirst(word.count)) : nil
  }

  private static func inner(_ path: String, _ sub: String, _ layer: Int, _ rest: String) -> String?
  {
    switch sub {
    case "0": exchange(rest, resnetParts).map { "\(path).resnets.\(layer).\($0)" }
    case "1": "\(path).attentions.\(layer).\(rest)"
    default: nil
    }
  }

  private static func middle(_ index: String, rest: String) -> String? {
    switch index {
    case "0": exchange(rest, resnetParts).map { "mid_block.resnets.0.\($0)" }
    case "1": "mid_block.attentions.0.\(rest)"
    case "2": exchange(rest, resnetParts).map { "mid_block.resnets.1.\($0)" }
    default: nil
    }
  }

  /// The original name of a UNet module: the inverse of `unet`.
  ///
  /// - Parameters:
  ///   - name: diffusers' module path.
  ///   - layers: Resnets per down block.
  ///   - hasAttention: Whether an up block has attentions, which moves its upsampler.
  /// - Returns: The path in the original code, or nil.
  static func original(
    unet name: String, layersPerBlock layers: Int, hasAttention: (_ upBlock: Int) -> Bool
  ) -> String? {
    if let outer = exchange(name, reversed(outerParts)) { return outer }
    let parts = name.split(separator: ".", maxSplits: 4).map(String.init)
    if parts.count >= 4, parts[0] == "mid_block", let index = blockIndex(parts[2]) {
      let rest = parts[3...].joined(separator: ".")
      if parts[1] == "attentions" { return "middle_block.1.\(rest)" }
      return exchange(rest, reversed(resnetParts)).map { "middle_block.\(index * 2).\($0)" }
    }
    guard parts.count == 5, let block = blockIndex(parts[1]), let layer = blockIndex(parts[3])
    else {
      return nil
    }
    let isDown = parts[0] == "down_blocks"
    guard isDown || parts[0] == "up_blocks" else { return nil }
    let path = isDown ? "input_blocks" : "output_blocks"
    let index = block * (layers + 1) + layer + (isDown ? 1 : 0)
    switch parts[2] {
    case "resnets":
      return exchange(parts[4], reversed(resnetParts)).map { "\(path).\(index).0.\($0)" }
    case "attentions": return "\(path).\(index).1.\(parts[4])"
    case "downsamplers": return "\(path).\((block + 1) * (layers + 1)).0.op"
    case "upsamplers":
      return "\(path).\(block * (layers + 1) + layers).\(hasAttention(block) ? 2 : 1).conv"
    default: return nil
    }
  }

  // MARK: Autoencoder

  /// diffusers' name for a tensor of the autoencoder.
  ///
  /// - Parameters:
  ///   - name: Such as `decoder.up.3.block.0.conv1.weight`.
  ///   - upLevels: Levels of the decoder, which diffusers counts from the other end.
  /// - Returns: The new name and change of form, or nil.
  static func autoencoder(_ name: String, upLevels: Int) -> WeightName? {
    let parts = name.split(separator: ".").map(String.init)
    guard let first = parts.first else { return nil }
    if ["quant_conv", "post_quant_conv"].contains(first) { return WeightName(name) }
    guard parts.count >= 3, ["encoder", "decoder"].contains(first) else { return nil }
    let rest = parts[2...].joined(separator: ".")
    switch parts[1] {
    case "conv_in", "conv_out": return WeightName(name)
    case "norm_out": return WeightName("\(first).conv_norm_out.\(rest)")
    case "mid": return middle(first, parts)
    case "down", "up": return level(first, parts, upLevels: upLevels)
    default: return nil
    }
  }

  private static func middle(_ side: String, _ parts: [String]) -> WeightName? {
    guard parts.count >= 5 else { return nil }
    let rest = parts[3...].joined(separator: ".")
    switch parts[2] {
    case "block_1": return WeightName("\(side).mid_block.resnets.0.\(shortcut(rest))")
    case "block_2": return WeightName("\(side).mid_block.resnets.1.\(shortcut(rest))")
    case "attn_1":
      let names = [
        ("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"),
        ("proj_out", "to_out.0"),
      ]
      return exchange(rest, names).map {
        WeightName("\(side).mid_block.attentions.0.\($0)", transform: .matrix)
      }
    default: return nil
    }
  }

  private static func level(_ side: String, _ parts: [String], upLevels: Int) -> WeightName? {
    guard parts.count >= 6, let index = blockIndex(parts[2]) else { return nil }
    let isDown = parts[1] == "down"
    guard isDown || (0..<upLevels).contains(index) else { return nil }
    let path = isDown ? "\(side).down_blocks.\(index)" : "\(side).up_blocks.\(upLevels - 1 - index)"
    switch (parts[3], parts[4]) {
    case ("block", let layer):
      return WeightName("\(path).resnets.\(layer).\(shortcut(parts[5...].joined(separator: ".")))")
    case ("downsample", "conv"): return WeightName("\(path).downsamplers.0.conv.\(parts[5])")
    case ("upsample", "conv"): return WeightName("\(path).upsamplers.0.conv.\(parts[5])")
    default: return nil
    }
  }

  private static func shortcut(_ name: String) -> String {
    exchange(name, [("nin_shortcut", "conv_shortcut")]) ?? name
  }
}

/// A tensor's new name and the change of form that goes with it.
struct WeightName {
  let name: String
  let transform: WeightTransform

  init(_ name: String, transform: WeightTransform = .identity) {
    self.name = name
    self.transform = transform
  }
}
