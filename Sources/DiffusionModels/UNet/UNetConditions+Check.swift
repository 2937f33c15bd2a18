import TensorRuntime

extension UNet2DConditionModel {
  /// Checks that the model can take the conditions; calls do not check.
  ///
  /// - Parameter conditions: Text, pooled text, time ids, guidance embedding and image prompts.
  /// - Throws: `ModelError` naming the first input that is missing or does not fit.
  public func check(_ conditions: UNetConditions) throws {
    try require("text", conditions.prompt.embeddings, "[B, L, \(config.crossAttentionWidth)]") {
      $0.count == 3 && $0[0] > 0 && $0[1] > 0 && $0[2] == config.crossAttentionWidth
    }
    if let width = config.timestepCondWidth {
      try require("guidance embedding", conditions.timestepCond, "[B, \(width)]") {
        $0.count == 2 && $0[1] == width
      }
    }
    if let textTime = config.textTime { try check(conditions, textTime) }
    let layers = config.crossAttentionLayers.count
    for prompt in conditions.imagePrompts {
      guard prompt.scales.count == layers else {
        throw mismatch("image prompt", "weights for \(layers) layers", [prompt.scales.count])
      }
      for tokens in prompt.tokens {
        try require("image prompt", tokens, "[B, tokens, \(config.crossAttentionWidth)]") {
          $0.count == 3 && $0[1] > 0 && $0[2] == config.crossAttentionWidth
            && $0[0] > 0 && conditions.batch % $0[0] == 0
        }
      }
    }
  }

  /// SDXL's added conditioning: pooled text and the sinusoids of all ids fill the embedding's input.
  private func check(_ conditions: UNetConditions, _ textTime: TextTimeConfig) throws {
    try require("time ids", conditions.prompt.timeIDs, "[B, ids]") { $0.count == 2 && $0[0] > 0 }
    let ids = conditions.prompt.timeIDs?.shape[1] ?? 0
    let width = textTime.inputWidth - ids * textTime.timeChannels
    try require("pooled text", conditions.prompt.pooled, "[B, \(width)] beside \(ids) time ids") {
      $0.count == 2 && $0[0] > 0 && $0[1] == width
    }
  }

  private func require(
    _ input: String, _ tensor: Tensor?, _ expected: String, _ fits: ([Int]) -> Bool
  ) throws {
    guard let shape = tensor?.shape, fits(shape) else {
      throw mismatch(input, expected, tensor?.shape)
    }
  }

  private func mismatch(_ input: String, _ expected: String, _ found: [Int]?) -> ModelError {
    .inputMismatch(model: summary, input: input, expected: expected, found: found)
  }
}
