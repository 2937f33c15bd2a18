import TensorRuntime

/// A weighted prompt's encoding by one text encoder.
public struct WeightedEncoding: Sendable {
  /// The chunks' states one after another, [1, chunks · L, D], as Stable Diffusion 1 and 2 take them or as SDXL does.
  public let states: Tensor
  /// The first chunk's pooled state, [1, P].
  public let pooled: Tensor
}

/// A text encoder that understands weights.
public struct WeightedTextEncoder: Sendable {
  private let tokenizer: CLIPTokenizer
  private let model: CLIPTextModel
  /// Whether the state before the last layer is wanted, as SDXL does.
  private let isPenultimate: Bool

  /// Puts an encoder together.
  ///
  /// - Parameters:
  ///   - tokenizer: Its tokenizer.
  ///   - model: The encoder.
  ///   - isPenultimate: Whether the state before the last layer is wanted, as SDXL does.
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
  ///   - chunks: How many chunks there are to be, of which those beyond the prompt's are empty.
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

  /// One chunk at a time: the sums of a batch would depend on how many there are.
  private func encode(_ ids: [Int], _ clipSkip: Int) throws -> (states: Tensor, pooled: Tensor) {
    let output = try model(ids: [ids], clipSkip: clipSkip)
    return (isPenultimate ? output.penultimateState : output.lastHiddenState, output.pooled)
  }
}

extension Tensor {
  /// Every token's state [1, L, D] times its weight, and all of it so that the mean stays what it was.
  fileprivate func multiplied(by weights: [Float]) -> Tensor {
    guard weights.contains(where: { $0 != 1 }) else { return self }
    let width = shape[2]
    let values = floats()
    let products = values.indices.map { values[$0] * weights[$0 / width] }
    let (before, after) = (Self.mean(values), Self.mean(products))
    // A mean of nothing cannot be restored.
    guard after != 0 else { return Tensor(products, shape: shape) }
    let factor = Float(before / after)
    return Tensor(products.map { $0 * factor }, shape: shape)
  }

  /// Every token's state [1, L, D] on the line from another's: at 1 its own, at 0 the other.
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
