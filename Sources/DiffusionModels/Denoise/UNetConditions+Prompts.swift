import TensorRuntime

extension UNetConditions {
  /// The conditions of several prompts in one batch, each repeated for the samples that it is for.
  ///
  /// Prompts of different lengths are repeated as a whole until they are equally long. This does
  /// not change the result of attention, which is shared among equal keys.
  ///
  /// - Parameters:
  ///   - prompts: At least one; guidance has the negative first and the positive last.
  ///   - batch: Samples per prompt.
  /// - Throws: `DenoiseError.shapeMismatch` for prompts that are not like the last.
  init(joining prompts: [PromptEncoding], batch: Int) throws {
    let prompt = PromptEncoding(
      embeddings: try joined(equallyLong(prompts.map(\.embeddings)), batch, "conditioning"),
      pooled: try joinedOptional(prompts.map(\.pooled), batch, "pooled conditioning"),
      timeIDs: try joinedOptional(prompts.map(\.timeIDs), batch, "size conditioning"))
    self.init(prompt)
  }
}

/// The length of the longest sequence to which prompts are repeated.
private let maximumTokens = 1 << 16

/// Repeats token sequences [B, L, D] to their least common length, unless that is too long.
private func equallyLong(_ parts: [Tensor]) -> [Tensor] {
  let lengths = parts.map { $0.rank == 3 ? $0.shape[1] : 0 }
  guard Set(lengths).count > 1, lengths.allSatisfy({ $0 > 0 }) else { return parts }
  let common = lengths.reduce(1) { $0 / greatestCommonDivisor($0, $1) * $1 }
  // Where the longest is a multiple of the others, nothing grows beyond what there is already.
  guard common <= max(maximumTokens, lengths.max() ?? 0) else { return parts }
  return zip(parts, lengths).map { part, length in
    Tensor.concatenate(Array(repeating: part, count: common / length), axis: 1)
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  b == 0 ? a : greatestCommonDivisor(b, a % b)
}

private func joined(_ parts: [Tensor], _ batch: Int, _ what: String) throws -> Tensor {
  let rest = Array(parts[parts.count - 1].shape.dropFirst())
  let repeated = try parts.map { part in
    guard let own = part.shape.first, own > 0, batch % own == 0,
      Array(part.shape.dropFirst()) == rest
    else {
      throw DenoiseError.shapeMismatch(
        what: what, expected: "[1 or \(batch), \(rest)] like the positive one", found: part.shape)
    }
    return part.repeated(toBatch: batch)
  }
  return Tensor.concatenate(repeated, axis: 0)
}

private func joinedOptional(_ parts: [Tensor?], _ batch: Int, _ what: String) throws -> Tensor? {
  let present = parts.compactMap(\.self)
  if present.isEmpty { return nil }
  guard present.count == parts.count else {
    throw DenoiseError.shapeMismatch(
      what: what, expected: "one in the positive and in the negative", found: [present.count])
  }
  return try joined(present, batch, what)
}
