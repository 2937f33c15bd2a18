import TensorRuntime

/// A solver that steps along a table of noise levels and remembers the last outputs of the model.
protocol MultistepSampler: CursorSampler {
  var rule: MultistepTableRule { get }
  var table: SigmaTable { get set }
  /// Outputs that are remembered at most.
  var solverOrder: Int { get }
  /// Converted model outputs, newest last.
  var outputs: [Tensor] { get set }
}

extension MultistepSampler {
  var timesteps: [Float] { table.timesteps }

  /// The place in the schedule and the outputs.
  var historyState: SamplerState {
    var state = SamplerState(cursor: cursor)
    state["outputs"] = outputs
    return state
  }

  mutating func restoreHistory(_ state: SamplerState) throws {
    cursor = try state.cursor(within: timesteps.count)
    outputs = try state.tensors("outputs", atMost: solverOrder)
  }

  /// Makes the schedule and forgets earlier outputs.
  mutating func begin(_ count: Int) throws {
    table = try rule.table(count)
    cursor = StepCursor()
    outputs = []
  }

  var state: SamplerState { historyState }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect(tensors: ["outputs"])
    try restoreHistory(state)
  }

  mutating func setTimesteps(_ count: Int) throws { try begin(count) }

  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    VariancePreserving(sigma: table.sigmas[cursor.noiseEntry(timestep, in: timesteps)])
      .noisy(original, noise)
  }
}
