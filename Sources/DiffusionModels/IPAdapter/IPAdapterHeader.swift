import ResgraphWeights

/// The kind of an IP-Adapter, from the header of its file.
public struct IPAdapterHeader: Sendable, Equatable {
  /// The networks that turn an image encoder's output into tokens.
  enum Projector: Sendable, Equatable {
    /// One linear layer from an embedding (base and light).
    case embedding
    /// Two linear layers over every token (full-face).
    case tokens
    /// Learned queries (plus).
    case resampler
  }

  /// The result of the image encoder that the adapter needs.
  public let encoding: ImageEncoding
  /// How many tokens are made of an image; nil where the encoder gives the number.
  public let tokenCount: Int?
  let projector: Projector

  /// Reads a header, and checks that the adapter is made for a UNet.
  ///
  /// - Parameters:
  ///   - source: The adapter's file: `image_proj` and `ip_adapter`, nested or flat.
  ///   - unet: The configuration of the UNet it is used on.
  /// - Throws: `WeightError` naming file and tensor when something is missing or the adapter belongs to
  ///   another UNet; `ModelError` for adapters of another kind (FaceID).
  public init(_ source: any WeightSource, unet: UNetConfig) throws {
    try self.init(source)
    try checkProjector(source, unet)
    try Self.checkLayers(source, unet)
  }

  /// Finds the kind by the names of the tensors.
  init(_ source: any WeightSource) throws {
    let image = WeightScope(source)["image_proj"]
    if image.has("perceiver_resampler") || (image.has("norm.weight") && image.has("proj.0")) {
      throw ModelError.unsupportedOption(
        model: "IPAdapter", option: "image_proj", value: "a FaceID projector",
        supported: "base, light, plus, full-face")
    }
    if image.has("proj.weight") {
      projector = .embedding
      tokenCount = EmbeddingProjector.tokens
      encoding = .embedding(width: try image.shape(of: "proj.weight", rank: 2)[1])
    } else if image.has("proj.3.weight") {
      projector = .tokens
      tokenCount = nil
      encoding = .penultimateStates(width: try image.shape(of: "proj.0.weight", rank: 2)[1])
    } else {
      projector = .resampler
      tokenCount = try image.shape(of: "latents", rank: 3)[1]
      encoding = .penultimateStates(width: try image.shape(of: "proj_in.weight", rank: 2)[1])
    }
  }

  /// Checks the width of the tokens.
  private func checkProjector(_ source: any WeightSource, _ unet: UNetConfig) throws {
    let width = unet.crossAttentionWidth
    let image = WeightScope(source)["image_proj"]
    let (name, rank, rows) =
      switch projector {
      case .embedding: ("proj.weight", 2, EmbeddingProjector.tokens * width)
      case .tokens: ("proj.3.weight", 1, width)
      case .resampler: ("proj_out.weight", 2, width)
      }
    let found = try image.shape(of: name, rank: rank)
    guard found[0] != rows else { return }
    throw WeightError.adapterMismatch(
      adapter: source.location, key: "image_proj.\(name)",
      target: "text tokens of \(width) numbers", expected: [rows] + found.dropFirst(),
      found: found, count: 1)
  }

  /// Checks that there are projections for every cross-attention, and none beyond.
  private static func checkLayers(_ source: any WeightSource, _ unet: UNetConfig) throws {
    let attention = WeightScope(source)["ip_adapter"]
    let layers = unet.crossAttentionLayers
    for (index, layer) in layers.enumerated() {
      for (name, target) in [("to_k_ip", "to_k"), ("to_v_ip", "to_v")] {
        let key = "\(2 * index + 1).\(name).weight"
        let found = try attention.shape(of: key, rank: 2)
        let expected = [layer.width, unet.crossAttentionWidth]
        guard found == expected else {
          throw WeightError.adapterMismatch(
            adapter: source.location, key: "ip_adapter.\(key)",
            target: "\(layer.path).\(target).weight", expected: expected, found: found, count: 1)
        }
      }
    }
    let known = Set(layers.indices.map { "\(2 * $0 + 1)" })
    let beyond = source.keys.filter { key in
      let parts = key.split(separator: ".")
      return parts.count > 1 && parts[0] == "ip_adapter" && !known.contains(String(parts[1]))
    }
    guard beyond.isEmpty else {
      throw WeightError.adapterKeysUnknown(
        adapter: source.location, keys: beyond, target: "the denoiser")
    }
  }
}
