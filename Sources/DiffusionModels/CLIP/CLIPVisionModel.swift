import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The configuration of a CLIP image encoder (`config.json` of transformers'
/// `CLIPVisionModelWithProjection`).
public struct CLIPVisionConfig: Sendable, Equatable {
  /// Side of the picture.
  public var imageSize: Int
  /// Side of a patch.
  public var patchSize: Int
  /// Channels of the picture.
  public var channels: Int
  /// Width of the hidden states.
  public var hiddenSize: Int
  /// Number of transformer layers.
  public var layers: Int
  /// Width of the projected embedding.
  public var projectionSize: Int
  /// The options that its layers share with a text encoder's.
  var layer: CLIPTextConfig

  /// Reads a configuration.
  ///
  /// - Parameter json: The file, or one with the encoder's part under `vision_config`.
  /// - Throws: `ModelError` for values that no encoder can have.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json["vision_config"] ?? json, model: "CLIPVisionModel")
    imageSize = try reader.dimension("image_size", default: 224)
    patchSize = try reader.dimension("patch_size", default: 32)
    channels = try reader.dimension("num_channels", default: 3)
    hiddenSize = try reader.dimension("hidden_size", default: 768)
    layers = try reader.dimension("num_hidden_layers", default: 12)
    projectionSize = try reader.dimension("projection_dim", default: 512)
    layer = CLIPTextConfig()
    layer.hiddenSize = hiddenSize
    layer.intermediateSize = try reader.dimension("intermediate_size", default: 3072)
    layer.heads = try reader.dimension("num_attention_heads", default: 12)
    layer.normEps = try reader.float("layer_norm_eps", default: 1e-5)
    switch try reader.string("hidden_act") ?? "quick_gelu" {
    case "quick_gelu": layer.activation = .quickGELU
    case "gelu": layer.activation = .gelu
    case let name:
      throw reader.unsupported("hidden_act", name, supported: "quick_gelu, gelu")
    }
    guard imageSize % patchSize == 0 else {
      throw reader.invalid("patch_size", "\(imageSize) pixels are no whole patches of \(patchSize)")
    }
    guard hiddenSize % layer.heads == 0 else {
      throw reader.invalid("num_attention_heads", "\(hiddenSize) features cannot be split by it")
    }
    guard layers <= 256, tokens <= ConfigReader.largestDimension else {
      throw reader.invalid("num_hidden_layers", "is too large")
    }
  }

  /// The number of tokens: patches and the class token.
  public var tokens: Int { (imageSize / patchSize) * (imageSize / patchSize) + 1 }
}

/// The result of a CLIP image encoder.
public struct CLIPVisionOutput: Sendable {
  /// The projected state of the class token, [B, P].
  public let embedding: Tensor
  /// The hidden states one layer before the last, without the final norm, [B, tokens, D].
  public let penultimateState: Tensor
}

/// CLIP's image encoder with projection (transformers' `CLIPVisionModelWithProjection`), whose
/// results IP-Adapters use.
public final class CLIPVisionModel: Sendable {
  /// The configuration of the encoder.
  public let config: CLIPVisionConfig
  private let classEmbedding: Tensor
  private let patchEmbedding: Conv2D
  private let positions: Tensor
  private let firstNorm: LayerNorm
  private let layers: [CLIPEncoderLayer]
  private let lastNorm: LayerNorm
  private let projection: Linear

  /// Builds the encoder.
  ///
  /// - Parameters:
  ///   - weights: A source with transformers' names.
  ///   - config: The configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used.
  public init(_ weights: WeightScope, config: CLIPVisionConfig) throws {
    self.config = config
    let width = config.hiddenSize
    let model = weights["vision_model"]
    let embeddings = model["embeddings"]
    classEmbedding = Tensor(try embeddings.tensor("class_embedding", shape: [width]))
      .reshaped([1, 1, width])
    patchEmbedding = try embeddings.convolutionWithoutBias(
      "patch_embedding", config.channels, width, kernel: config.patchSize,
      stride: config.patchSize, padding: Padding.none)
    positions = Tensor(
      try embeddings["position_embedding"].tensor("weight", shape: [config.tokens, width])
    ).reshaped([1, config.tokens, width])
    let eps = config.layer.normEps
    // Every released file spells the name like this.
    firstNorm = try model.layerNorm("pre_layrnorm", width, eps: eps)
    layers = try (0..<config.layers).map {
      try CLIPEncoderLayer(model["encoder.layers"][$0], config: config.layer, isCausal: false)
    }
    lastNorm = try model.layerNorm("post_layernorm", width, eps: eps)
    projection = try weights.linear("visual_projection", width, config.projectionSize, bias: false)
    // Files of a whole CLIP also hold its text encoder.
    try weights.verifyAllUsed { key in
      key.hasSuffix("position_ids") || key.hasPrefix("text_model.")
        || key.hasPrefix("text_projection.") || key == "logit_scale"
    }
  }

  /// Encodes pictures.
  ///
  /// - Parameter pixels: [B, 3, S, S], S = `config.imageSize`, normalised by CLIP's mean and
  ///   standard deviation.
  /// - Returns: The embedding and the hidden states.
  public func callAsFunction(_ pixels: Tensor) -> CLIPVisionOutput {
    precondition(
      pixels.shape.dropFirst() == [config.channels, config.imageSize, config.imageSize],
      "the image encoder cannot take \(pixels.shape)")
    let batch = pixels.shape[0]
    let patches = patchEmbedding(pixels).tokens()
    let tokens = Tensor.concatenate([classEmbedding.repeated(toBatch: batch), patches], axis: 1)
    var hidden = firstNorm(tokens + positions.repeated(toBatch: batch))
    var previous = hidden
    for layer in layers {
      previous = hidden
      hidden = layer(hidden)
    }
    let first = hidden.slice(axis: 1, 0..<1).reshaped([batch, config.hiddenSize])
    return CLIPVisionOutput(embedding: projection(lastNorm(first)), penultimateState: previous)
  }
}
