import ResgraphFiles

/// The files of a CLIP image encoder: a folder of `config.json`, weights and perhaps
/// `preprocessor_config.json`, or one weight file alone.
public struct ImageEncoderFiles: Sendable {
  /// The folder or file.
  public let path: String
  /// The content of `config.json`; for a file alone, a configuration derived from its shapes.
  public let config: JSONValue
  /// The content of `preprocessor_config.json`, which says how pictures are prepared; nil without
  /// it.
  public let preprocessor: JSONValue?
  /// The file that `preprocessor` was read from.
  public let preprocessorPath: String
  /// The tensors.
  public let source: any WeightSource

  /// Opens an encoder; only headers are read.
  ///
  /// - Parameter path: The folder or file.
  /// - Throws: `WeightError` when something is missing or malformed, or is no image encoder.
  public init(path: String) throws {
    self.path = path
    preprocessorPath = joinPath(path, "preprocessor_config.json")
    if FileSystem.isDirectory(path) {
      let folder = try ComponentFolder(path: path)
      (source, config) = (folder.source, folder.config)
      // `nil` would mean JSON's null here.
      preprocessor =
        FileSystem.exists(preprocessorPath)
        ? try JSONValue.read(path: preprocessorPath) : Optional.none
    } else {
      source = normalized(try openWeightFile(path))
      config = SynthesizedConfig.imageEncoder(source)
      preprocessor = Optional.none
    }
    guard source.entry("vision_model.embeddings.class_embedding") != nil else {
      throw WeightError.invalidLayout(
        path: path, reason: "is no CLIP image encoder (it has \(listed(source.keys)))")
    }
  }

  /// The identity of the content.
  public var digest: String {
    get throws {
      try Digest.fields([
        "image encoder", source.digest, config.canonicalText(),
        preprocessor?.canonicalText() ?? "",
      ])
    }
  }
}

extension SynthesizedConfig {
  /// The `config.json` of a CLIP image encoder.
  static func imageEncoder(_ source: any WeightSource) -> JSONValue {
    let embeddings = "vision_model.embeddings"
    let width = size(source, "\(embeddings).class_embedding", 0)
    let patch = size(source, "\(embeddings).patch_embedding.weight", 2)
    let patches = max(0, size(source, "\(embeddings).position_embedding.weight", 0) - 1)
    let side = Int(Double(patches).squareRoot()) * patch
    // The two large encoders that adapters are made for are OpenCLIP's, with 16 heads and exact GELU;
    // OpenAI's have heads of 64 numbers.
    let isOpenCLIP = [1_280, 1_664].contains(width)
    return [
      "model_type": "clip_vision_model", "hidden_size": .integer(width),
      "patch_size": .integer(patch), "image_size": .integer(side),
      "intermediate_size": .integer(
        size(source, "vision_model.encoder.layers.0.mlp.fc1.weight", 0)),
      "num_hidden_layers": .integer(count(source, "vision_model.encoder.layers")),
      "num_attention_heads": .integer(isOpenCLIP ? 16 : max(1, width / 64)),
      "projection_dim": .integer(size(source, "visual_projection.weight", 0)),
      "hidden_act": isOpenCLIP ? "gelu" : "quick_gelu", "layer_norm_eps": 1e-5,
    ]
  }
}
