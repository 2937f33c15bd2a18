/// The place of a sampler in its schedule.
struct StepCursor: Sendable, Equatable {
  /// The entry of the next step; nil before the first.
  var index: Int?
  /// The entry to start at, where it was set.
  var begin: Int?

  /// The entry of the step at `timestep`.
  ///
  /// The first step's entry is found by its value. As in diffusers, the second of equal entries is
  /// taken, and the last entry when none is equal.
  ///
  /// A run that starts at the schedule's first timestep starts at its first entry, even if rounding
  /// repeats that timestep. From the second entry it would go past the end, which is an error in
  /// diffusers.
  mutating func locate(_ timestep: Float, in timesteps: [Float]) -> Int {
    let found = index ?? begin ?? Self.start(at: timestep, in: timesteps)
    index = found
    return found
  }

  /// The entry whose noise `addNoise` uses.
  func noiseEntry(_ timestep: Float, in timesteps: [Float]) -> Int {
    guard let begin else { return Self.entry(of: timestep, in: timesteps) }
    return index ?? begin
  }

  private static func start(at timestep: Float, in timesteps: [Float]) -> Int {
    timestep == timesteps.first ? 0 : entry(of: timestep, in: timesteps)
  }

  private static func entry(of timestep: Float, in timesteps: [Float]) -> Int {
    let matches = timesteps.indices.filter { timesteps[$0] == timestep }
    return matches.count > 1 ? matches[1] : matches.first ?? timesteps.count - 1
  }
}

/// A sampler that counts its steps; nothing else of it changes, unless it says so.
protocol CursorSampler: Sampler {
  var cursor: StepCursor { get set }
}

extension CursorSampler {
  var state: SamplerState { SamplerState(cursor: cursor) }

  mutating func restore(_ state: SamplerState) throws {
    try state.expect()
    cursor = try state.cursor(within: timesteps.count)
  }

  mutating func setBeginIndex(_ index: Int) { cursor.begin = index }
}
