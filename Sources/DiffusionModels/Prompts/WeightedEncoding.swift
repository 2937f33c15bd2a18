import TensorRuntime

/// The encoding of a weighted prompt by one text encoder.
public struct WeightedEncoding: Sendable {
  /// The states of the chunks one after another, [1, chunks · L, D]: the last ones, or those of the
  /// layer before for SDXL.
  public let states: Tensor
  /// The pooled state of the first chunk, [1, P].
  public let pooled: Tensor
}

/// A text encoder with its tokenizer, for prompts with weights.
public struct WeightedTextEncoder: Sendable {
  private let tokenizer: CLIPTokenizer
  private let model: CLIPTextModel
  /// Whether the state before the last layer is taken, as for SDXL.
  private let isPenultimate: Bool

  /// Makes an encoder.
  ///
  /// - Parameters:
  ///   - tokenizer: Its tokenizer.
  ///   - model: The encoder.
  ///   - isPenultimate: Whether the state before the last layer is taken, as for SDXL.
  public init(tokenizer: CLIPTokenizer, model: CLIPTextModel, isPenultimate: Bool) {
    self.tokenizer = tokenizer
    self.model = model
    self.isPenultimate = isPenultimate
  }

  /// How many chunks a prompt takes.
  ///
  /// - Parameters:
  ///   - prompt: Any text.
  ///   - weighting: The grammar.
  /// - Returns: At least 1.
  public func chunkCount(_ prompt: String, weighting: PromptWeighting) -> Int {
    PromptChunker.chunks(of: prompt, tokenizer: tokenizer, weighting: weighting).count
  }

  /// Encodes a prompt.
  ///
  /// - Parameters:
  ///   - prompt: Any text.
  ///   - weighting: The grammar, and how weights are applied.
  ///   - clipSkip: How many of the last layers are left out.
  ///   - chunks: How many chunks to encode; those beyond the prompt's are empty.
  /// - Returns: The encoding.
  /// - Throws: `CLIPTextError` when tokens or `clipSkip` do not fit the encoder.
  public func callAsFunction(
    _ prompt: String, weighting: PromptWeighting, clipSkip: Int = 0, chunks: Int = 1
  ) throws -> WeightedEncoding {
    func chunksOf(_ text: String) -> [PromptChunk] {
      PromptChunker.chunks(of: text, tokenizer: tokenizer, weighting: weighting)
    }
    var own = chunksOf(prompt)
    let empty = chunksOf("")[0]
    own += Array(repeating: empty, count: max(0, chunks - own.count))
    let encoded = try own.map { try encode($0.ids, clipSkip) }
    var states = encoded.map(\.states)
    if weighting == .a1111 {
      states = zip(states, own).map { $0.multiplied(by: $1.weights) }
    } else if own.contains(where: { $0.weights.contains { $0 != 1 } }) {
      let nothing = try encode(empty.ids, clipSkip).states
      states = zip(states, own).map { $0.moved(from: nothing, by: $1.weights) }
    }
    return WeightedEncoding(
      states: Tensor.concatenate(states, axis: 1), pooled: encoded[0].pooled)
  }

  /// Encodes one chunk.
  ///
  /// Chunks are not encoded as a batch, because the rounding of its sums could depend on their
  /// number.
  private func encode(_ ids: [Int], _ clipSkip: Int) throws -> (states: Tensor, pooled: Tensor) {
    let output = try model(ids: [ids], clipSkip: clipSkip)
    return (isPenultimate ? output.penultimateState : output.lastHiddenState, output.pooled)
  }
}

extension Tensor {
  /// Multiplies each token's state [1, L, D] by its weight, and scales all of them so that the mean
  /// stays the same.
  fileprivate func multiplied(by weights: [Float]) -> Tensor {
    guard weights.contains(where: { $0 != 1 }) else { return self }
    let width = shape[2]
    let values = floats()
    let products = values.indices.map { values[$0] * weights[$0 / width] }
    let (before, after) = (Self.mean(values), Self.mean(products))
    // A mean of zero cannot be scaled.
    guard after != 0 else { return Tensor(products, shape: shape) }
    let factor = Float(before / after)
    return Tensor(products.map { $0 * factor }, shape: shape)
  }

  /// Moves each token's state [1, L, D] along the line from another state: weight 1 gives its own,
  /// 0 the other.
  fileprivate func moved(from origin: Tensor, by weights: [Float]) -> Tensor {
    let width = shape[2]
    let (values, origins) = (floats(), origin.floats())
    let moved = values.indices.map { index in
      let weight = weights[index / width]
      if weight == 1 { return values[index] }
      return (values[index] - origins[index]) * weight + origins[index]
    }
    return Tensor(moved, shape: shape)
  }

  private static func mean(_ values: [Float]) -> Double {
    values.reduce(0.0) { $0 + Double($1) } / Double(max(1, values.count))
  }
}
