import TensorRuntime

/// The tensors that are the same for every step of a run: keys and values of the text and of image
/// prompts in every attention layer, the added embedding of SDXL, and the times of all steps.
struct UNetContext: Sendable {
  /// The model that made it.
  let owner: ObjectIdentifier
  /// One per transformer block: down, up, middle.
  let blocks: [BlockContext]
  /// [B, timeChannels], added to the time embedding.
  let addedEmbedding: Tensor?
  /// Samples predicted.
  let batch: Int
  /// The times of all steps, where they are known.
  private(set) var times: RunTimes?
}

extension UNetContext {
  /// Adds the time embedding's results for the conditions.
  init(
    owner: ObjectIdentifier, blocks: [BlockContext], _ conditions: UNetConditions,
    timeEmbedding: UNetTimeEmbedding
  ) {
    let added = timeEmbedding.addedEmbedding(conditions)
    self.init(
      owner: owner, blocks: blocks, addedEmbedding: added, batch: conditions.batch)
    guard !conditions.run.timesteps.isEmpty else { return }
    times = RunTimes(conditions.run.timesteps) {
      timeEmbedding(timesteps: [$0], condition: conditions.timestepCond, added: added)
    }
  }

  /// The time of a step, which is computed now if it was not computed in advance.
  func time(
    _ timesteps: [Float], _ conditions: UNetConditions, _ timeEmbedding: UNetTimeEmbedding
  ) -> StepTime {
    if timesteps.count == 1, let known = times?.step(timesteps[0]) { return known }
    return StepTime(
      timeEmbedding(
        timesteps: timesteps, condition: conditions.timestepCond, added: addedEmbedding))
  }
}
