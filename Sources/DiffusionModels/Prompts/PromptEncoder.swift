import ResgraphWeights
import Synchronization
import TensorRuntime

/// The tokenizers and text encoders of a checkpoint: one of each, or two of each for SDXL.
package final class PromptEncoder: Sendable {
  let parts: [(tokenizer: CLIPTokenizer, model: CLIPTextModel)]
  private let layout: CheckpointLayout
  private let emptyEncoding = Mutex<PromptEncoding?>(nil)

  /// Builds the encoders of a checkpoint, with what is laid over them.
  package init(_ checkpoint: OverlaidCheckpoint) throws {
    let base = checkpoint.base
    layout = base.layout
    parts = try base.textEncoders.map { component in
      (
        try base.tokenizer(component),
        try CLIPTextModel(
          WeightScope(try checkpoint.source(component)), config: try base.textConfig(component))
      )
    }
  }

  /// Encodes a prompt, as one sample; the second text is for SDXL's second encoder.
  package func encode(
    _ prompt: String, second: String, clipSkip: Int = 0, weighting: PromptWeighting = .none
  ) throws -> PromptEncoding {
    let texts = [prompt, second]
    guard weighting == .none else { return try weighted(texts, clipSkip, weighting) }
    let outputs = try zip(parts, texts).map { part, text in
      try part.model(ids: [part.tokenizer.encode(text)], clipSkip: clipSkip)
    }
    guard let last = outputs.last else { preconditionFailure("a prompt encoder has a model") }
    guard layout.family == .sdxl else { return PromptEncoding(embeddings: last.lastHiddenState) }
    let states = Tensor.concatenate(outputs.map(\.penultimateState), axis: 2)
    return PromptEncoding(embeddings: states, pooled: last.pooled)
  }

  /// Encodes texts whose brackets mean something: chunk by chunk, by every encoder with the same
  /// number of chunks.
  private func weighted(
    _ texts: [String], _ clipSkip: Int, _ weighting: PromptWeighting
  ) throws -> PromptEncoding {
    let encoders = parts.map { part in
      WeightedTextEncoder(
        tokenizer: part.tokenizer, model: part.model, isPenultimate: parts.count > 1)
    }
    let chunks = zip(encoders, texts).map { $0.chunkCount($1, weighting: weighting) }.max() ?? 1
    let outputs = try zip(encoders, texts).map { encoder, text in
      try encoder(text, weighting: weighting, clipSkip: clipSkip, chunks: chunks)
    }
    return PromptEncoding(
      embeddings: Tensor.concatenate(outputs.map(\.states), axis: 2),
      pooled: parts.count > 1 ? outputs.last?.pooled : nil)
  }

  /// Encodes the empty prompt.
  ///
  /// As in diffusers it skips no layer, even if the prompt's encoding does.
  package func empty() throws -> PromptEncoding {
    if let known = emptyEncoding.withLock({ $0 }) { return known }
    let encoding = try encode("", second: "")
    emptyEncoding.withLock { $0 = encoding }
    return encoding
  }

  /// The encoding for a missing negative prompt, where that is not the empty prompt's; nil where it
  /// is.
  package var missing: PromptEncoding? { layout.zeroesMissingPrompt ? zeros : nil }

  /// Zeros in the form of an encoding of two encoders.
  private var zeros: PromptEncoding {
    let configs = parts.map(\.model.config)
    let length = parts.map(\.tokenizer.maximumLength).max() ?? 0
    return PromptEncoding(
      embeddings: Tensor.zeros([1, length, configs.reduce(0) { $0 + $1.hiddenSize }]),
      pooled: Tensor.zeros([1, configs.last?.projectionSize ?? 0]))
  }

  /// The part of a text that the first encoder does not read; nil when it reads all.
  package func unread(_ text: String) -> String? {
    guard let tokenizer = parts.first?.tokenizer else { return nil }
    let room = max(0, tokenizer.maximumLength - 2)
    let pieces = tokenizer.pieces(text)
    guard pieces.count > room else { return nil }
    let rest = pieces[room...].map { $0.token.hasSuffix("</w>") ? $0.text + " " : $0.text }
    return rest.joined().trimmingSuffix { $0 == " " }
  }
}

extension String {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    guard let end = lastIndex(where: { !isTrimmed($0) }) else { return "" }
    return String(self[...end])
  }
}
