/// The names of open_clip's text encoder, as SD 2.x and SDXL checkpoints hold it, and transformers' names.
enum OpenCLIPNames {
  /// Maps all tensors below a prefix.
  ///
  /// The joint input projection of each layer is split into query, key and value; the text projection
  /// is transposed.
  ///
  /// - Parameters:
  ///   - source: The checkpoint.
  ///   - prefix: Such as `cond_stage_model.model.`.
  ///   - dropsLastLayer: SD 2.x is conditioned on the last layer but one, and diffusers' text encoder has
  ///     one layer less and no projection.
  /// - Returns: The origins by transformers' names.
  static func origins(
    _ source: any WeightSource, prefix: String, dropsLastLayer: Bool
  ) -> [String: WeightOrigin] {
    let keys = source.keys.filter { $0.hasPrefix(prefix) }
    let last = keys.compactMap { layer(of: String($0.dropFirst(prefix.count)))?.index }.max() ?? 0
    var origins: [String: WeightOrigin] = [:]
    for key in keys {
      let name = String(key.dropFirst(prefix.count))
      if let (index, rest) = layer(of: name) {
        if dropsLastLayer && index == last { continue }
        addLayer(key, rest, path: "text_model.encoder.layers.\(index)", source, &origins)
      } else if name == "text_projection" {
        if !dropsLastLayer {
          origins["text_projection.weight"] = WeightOrigin(key: key, transform: .transposed)
        }
      } else if let target = outer[name] {
        origins[target] = WeightOrigin(key: key)
      }
    }
    return origins
  }

  private static let outer = [
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
  ]

  private static let parts = [
    ("ln_1.", "layer_norm1."), ("ln_2.", "layer_norm2."), ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."), ("attn.out_proj.", "self_attn.out_proj."),
  ]

  private static func layer(of name: String) -> (index: Int, rest: String)? {
    let prefix = "transformer.resblocks."
    guard name.hasPrefix(prefix) else { return nil }
    let rest = name.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
    guard rest.count == 2, let index = Int(rest[0]) else { return nil }
    return (index, String(rest[1]))
  }

  private static func addLayer(
    _ key: String, _ rest: String, path: String, _ source: any WeightSource,
    _ origins: inout [String: WeightOrigin]
  ) {
    let joint = ["attn.in_proj_weight": "weight", "attn.in_proj_bias": "bias"]
    if let kind = joint[rest] {
      guard let rows = source.entry(key)?.shape.first, rows % 3 == 0 else { return }
      for (index, name) in ["q_proj", "k_proj", "v_proj"].enumerated() {
        let range = (index * rows / 3)..<((index + 1) * rows / 3)
        origins["\(path).self_attn.\(name).\(kind)"] = WeightOrigin(
          key: key, transform: .rows(range))
      }
      return
    }
    for (old, new) in parts where rest.hasPrefix(old) {
      origins["\(path).\(new)\(rest.dropFirst(old.count))"] = WeightOrigin(key: key)
    }
  }
}
