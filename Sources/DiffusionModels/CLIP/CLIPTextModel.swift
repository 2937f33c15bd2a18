import ResgraphWeights
import TensorRuntime

/// The result of a CLIP text encoder.
public struct CLIPTextOutput: Sendable {
  /// The conditioning of Stable Diffusion 1 and 2, [B, L, D]: the last hidden state, or the one
  /// `clipSkip` layers earlier, after the final normalisation.
  public let lastHiddenState: Tensor
  /// The conditioning of SDXL, [B, L, D]: the hidden state one layer earlier, without
  /// normalisation.
  public let penultimateState: Tensor
  /// The normalised last state at the end token, projected where the encoder has a projection: [B, P].
  public let pooled: Tensor
}

/// Inputs that a text encoder cannot take.
public enum CLIPTextError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A token id that the encoder has no embedding for.
  case tokenOutOfRange(id: Int, vocabularySize: Int)
  /// The sequences differ in length, are empty, or are longer than the encoder's positions.
  case badLength(lengths: [Int], maximum: Int)
  /// As many layers would be skipped as there are, or more.
  case clipSkipOutOfRange(Int, layers: Int)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .tokenOutOfRange(let id, let size):
      "token id \(id): the text encoder has embeddings for ids below \(size);"
        + " tokenizer and text encoder do not belong together"
    case .badLength(let lengths, let maximum):
      "token sequences of lengths \(lengths): the text encoder takes equal lengths of 1 to \(maximum)"
    case .clipSkipOutOfRange(let skip, let layers):
      "clip_skip \(skip): the text encoder has \(layers) layers, so 0 to \(layers - 1) can be skipped"
    }
  }
}

/// CLIP's text encoder, with or without projection (transformers' `CLIPTextModel` and
/// `CLIPTextModelWithProjection`).
public final class CLIPTextModel: Sendable {
  /// The configuration of the encoder.
  public let config: CLIPTextConfig
  private let tokenEmbedding: Embedding
  private let positions: Tensor
  private let layers: [CLIPEncoderLayer]
  private let finalNorm: LayerNorm
  private let projection: Linear?

  /// Builds the encoder.
  ///
  /// - Parameters:
  ///   - weights: A source with transformers' names, with the prefix `text_model.` or, as its version 5
  ///     writes encoders without projection, without.
  ///   - config: The configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used.
  public init(_ weights: WeightScope, config: CLIPTextConfig) throws {
    self.config = config
    let model = weights.has("text_model") ? weights["text_model"] : weights
    let width = config.hiddenSize
    tokenEmbedding = Embedding(
      weight: try model["embeddings.token_embedding"]
        .tensor("weight", shape: [config.vocabularySize, width]))
    positions = Tensor(
      try model["embeddings.position_embedding"]
        .tensor("weight", shape: [config.maximumLength, width]))
    layers = try (0..<config.layers).map { index in
      try CLIPEncoderLayer(model["encoder.layers"][index], config: config)
    }
    finalNorm = try model.layerNorm("final_layer_norm", width, eps: config.normEps)
    projection =
      weights.has("text_projection")
      ? try weights.linear("text_projection", width, config.projectionSize, bias: false) : nil
    // Old versions of transformers saved the numbers of positions as well, and files of a whole
    // CLIP also hold its image encoder.
    try weights.verifyAllUsed { key in
      key.hasSuffix("position_ids") || key.hasPrefix("vision_model.")
        || key.hasPrefix("visual_projection.") || key == "logit_scale"
    }
  }

  /// Whether pooled states are projected.
  public var hasProjection: Bool { projection != nil }

  /// Encodes token sequences.
  ///
  /// - Parameters:
  ///   - ids: Sequences of equal length, padded.
  ///   - clipSkip: How many of the last layers to leave out, counted as diffusers does: 0 uses all. It does
  ///     not affect the pooled state.
  /// - Returns: Hidden and pooled states.
  /// - Throws: `CLIPTextError` when ids, lengths or `clipSkip` do not fit the encoder.
  public func callAsFunction(ids: [[Int]], clipSkip: Int = 0) throws -> CLIPTextOutput {
    try check(ids, clipSkip)
    var hidden = embedded(ids)
    var recent = [hidden]
    for layer in layers {
      hidden = layer(hidden)
      recent = recent.suffix(clipSkip + 1) + [hidden]
    }
    let full = finalNorm(hidden)
    // `recent` holds the last clipSkip + 2 states.
    return CLIPTextOutput(
      lastHiddenState: clipSkip == 0 ? full : finalNorm(recent[1]), penultimateState: recent[0],
      pooled: pooled(full, ids))
  }

  private func check(_ ids: [[Int]], _ clipSkip: Int) throws {
    let lengths = Set(ids.map(\.count))
    guard lengths.count == 1, let length = lengths.first, 1...config.maximumLength ~= length else {
      throw CLIPTextError.badLength(lengths: lengths.sorted(), maximum: config.maximumLength)
    }
    for id in ids.joined() where !(0..<config.vocabularySize).contains(id) {
      throw CLIPTextError.tokenOutOfRange(id: id, vocabularySize: config.vocabularySize)
    }
    guard 0..<config.layers ~= clipSkip else {
      throw CLIPTextError.clipSkipOutOfRange(clipSkip, layers: config.layers)
    }
  }

  private func embedded(_ ids: [[Int]]) -> Tensor {
    let length = ids[0].count
    let rows = positions.slice(axis: 0, 0..<length).reshaped([1, length, config.hiddenSize])
    return tokenEmbedding(ids) + rows.repeated(toBatch: ids.count)
  }

  private func pooled(_ states: Tensor, _ ids: [[Int]]) -> Tensor {
    let rows = ids.enumerated().map { index, sequence in
      let position = endPosition(sequence)
      return states.slice(axis: 0, index..<index + 1)
        .slice(axis: 1, position..<position + 1).reshaped([1, config.hiddenSize])
    }
    let ends = Tensor.concatenate(rows, axis: 0)
    return projection.map { $0(ends) } ?? ends
  }

  private func endPosition(_ ids: [Int]) -> Int {
    if config.endTokenID == 2 { return ids.firstIndex(of: ids.max() ?? 0) ?? 0 }
    return ids.firstIndex(of: config.endTokenID) ?? 0
  }
}
