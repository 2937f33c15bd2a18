/// The meaning of brackets and numbers in a prompt, and the way in which weights change an
/// encoding.
public enum PromptWeighting: String, Sendable, CaseIterable {
  /// Every character stands for itself. Tokens that do not fit are cut off.
  case none
  /// The rules of AUTOMATIC1111's web UI: `(a)`, `[a]`, `(a:1.3)`, `BREAK`. Embeddings are
  /// multiplied by their weights, and their mean is restored.
  case a1111
  /// The rules of ComfyUI: `(a)`, `(a:1.3)`. Embeddings are moved away from the empty prompt's, or
  /// towards them.
  case comfy
}

/// A part of a prompt.
enum PromptPart: Sendable, Equatable {
  /// A text whose tokens all have one weight.
  case text(String, weight: Double)
  /// The end of a chunk.
  case chunkEnd
}

/// Reads a weight: digits, with a sign, a point and an exponent where wanted.
///
/// Infinities and NaN are no weights.
func promptWeight(_ text: some StringProtocol) -> Double? {
  let trimmed = text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()
  let number = String(trimmed)
  guard number.unicodeScalars.allSatisfy({ "0123456789+-.eE".unicodeScalars.contains($0) }),
    let value = Double(number), value.isFinite, abs(value) <= 1_000_000
  else { return nil }
  return value
}
