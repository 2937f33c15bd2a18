import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The configuration of a CLIP text encoder (`config.json` of transformers' `CLIPTextModel`).
public struct CLIPTextConfig: Sendable, Equatable {
  /// Number of token ids.
  public var vocabularySize = 49408
  /// Width of the hidden states.
  public var hiddenSize = 512
  /// Width inside the feed-forward layers.
  public var intermediateSize = 2048
  /// Number of transformer layers.
  public var layers = 12
  /// Attention heads per layer.
  public var heads = 8
  /// The longest sequence.
  public var maximumLength = 77
  /// The feed-forward layers' activation.
  public var activation = Activation.quickGELU
  /// Added to variances in layer normalisations.
  public var normEps: Float = 1e-5
  /// The id of the end token, at whose position the state is pooled.
  ///
  /// In old configurations it is 2, and the position of the largest id is taken.
  public var endTokenID = 49407
  /// Width of the projected pooled state, where the weights have a projection.
  public var projectionSize = 512

  /// Makes a configuration with the defaults of transformers.
  public init() {}

  /// Reads a configuration.
  ///
  /// - Parameter json: The file, or the `text_config` of a whole CLIP model.
  /// - Throws: `ModelError` for values that no encoder can have.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json["text_config"] ?? json, model: "CLIPTextModel")
    vocabularySize = try reader.dimension("vocab_size", default: vocabularySize)
    hiddenSize = try reader.dimension("hidden_size", default: hiddenSize)
    intermediateSize = try reader.dimension("intermediate_size", default: intermediateSize)
    layers = try reader.dimension("num_hidden_layers", default: layers)
    heads = try reader.dimension("num_attention_heads", default: heads)
    maximumLength = try reader.dimension("max_position_embeddings", default: maximumLength)
    normEps = try reader.float("layer_norm_eps", default: normEps)
    projectionSize = try reader.dimension("projection_dim", default: projectionSize)
    if let value = reader.value("eos_token_id") {
      guard let id = value.intValue else {
        throw reader.invalid(
          "eos_token_id", "expected one token id, found \(reader.text(of: value))")
      }
      endTokenID = id
    }
    switch try reader.string("hidden_act") ?? "quick_gelu" {
    case "quick_gelu": activation = .quickGELU
    case "gelu": activation = .gelu
    case let name:
      throw reader.unsupported("hidden_act", name, supported: "quick_gelu, gelu")
    }
    guard hiddenSize % heads == 0 else {
      throw reader.invalid("num_attention_heads", "\(hiddenSize) features cannot be split by it")
    }
  }
}
