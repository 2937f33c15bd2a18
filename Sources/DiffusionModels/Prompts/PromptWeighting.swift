/// What brackets and numbers in a prompt mean, and how weights reach an encoding.
public enum PromptWeighting: String, Sendable, CaseIterable {
  /// Every character stands for itself; what does not fit is cut off.
  case none
  /// As AUTOMATIC1111's web UI: `(a)`, `[a]`, `(a:1.3)`, `BREAK`; embeddings are multiplied, and their mean is restored.
  case a1111
  /// As ComfyUI: `(a)`, `(a:1.3)`; embeddings move away from the empty prompt's, or towards it.
  case comfy
}

/// A part of a prompt.
enum PromptPart: Sendable, Equatable {
  /// A text, every token of which counts as much.
  case text(String, weight: Double)
  /// The end of a chunk.
  case chunkEnd
}

/// A number as people write weights: digits, a sign, a point, an exponent; nothing that is not finite.
func promptWeight(_ text: some StringProtocol) -> Double? {
  let trimmed = text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()
  let number = String(trimmed)
  guard number.unicodeScalars.allSatisfy({ "0123456789+-.eE".unicodeScalars.contains($0) }),
    let value = Double(number), value.isFinite, abs(value) <= 1_000_000
  else { return nil }
  return value
}
