import DiffusionModels
import TensorRuntime

extension PromptEncoder {
  /// Encodes a prompt whose brackets mean something: chunk by chunk, by every encoder with the same number of chunks.
  func encode(
    _ prompt: String, second: String, clipSkip: Int, weighting: PromptWeighting
  ) throws -> ConditioningValue.Encoding {
    guard weighting != .none else {
      return try encode(prompt, second: second, clipSkip: clipSkip)
    }
    let encoders = parts.map { part in
      WeightedTextEncoder(
        tokenizer: part.tokenizer, model: part.model, isPenultimate: parts.count > 1)
    }
    let texts = Array([prompt, second].prefix(encoders.count))
    let counts = zip(encoders, texts).map { $0.chunkCount($1, weighting: weighting) }
    let chunks = counts.max() ?? 1
    let outputs = try zip(encoders, texts).map { encoder, text in
      try encoder(text, weighting: weighting, clipSkip: clipSkip, chunks: chunks)
    }
    return .init(
      embeddings: Tensor.concatenate(outputs.map(\.states), axis: 2),
      pooled: parts.count > 1 ? outputs.last?.pooled : nil)
  }
}
