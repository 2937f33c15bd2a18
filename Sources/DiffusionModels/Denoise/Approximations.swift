/// Options that make a run faster and its numbers less exact.
///
/// All of them are off by default.
public struct Approximations: Sendable, Equatable {
  /// The share of the steps before which guidance is off.
  public var guidanceStart = 0.0
  /// The share of the steps after which guidance is off.
  public var guidanceEnd = 1.0
  /// The number n, where the whole model runs at every n-th step; 1 runs it at every step.
  ///
  /// At the other steps the features of its deep levels are those of the last whole run (DeepCache,
  /// arXiv 2312.00858).
  public var reuse = 1
  /// The share of tokens that the finest self-attentions merge away, 0...0.75.
  public var tokenMerge = 0.0

  /// Makes settings that approximate nothing.
  public init() {}

  /// Whether guidance, if it is on, is used at a step.
  func guides(_ step: DenoiseStep) -> Bool {
    ControlWindow(start: guidanceStart, end: guidanceEnd).contains(step)
  }

  /// Whether a step runs the whole model.
  ///
  /// This depends on the step. Where guidance begins or ends the whole model must run, because the
  /// features have another batch.
  func isWhole(_ step: DenoiseStep, isGuided: Bool) -> Bool {
    if reuse <= 1 || step.index % reuse == 0 { return true }
    let previous = DenoiseStep(
      index: step.index - 1, count: step.count, timestep: step.timestep, nextTimestep: nil)
    return isGuided && guides(step) != guides(previous)
  }

  func check() throws {
    for (name, value) in [("guidance_start", guidanceStart), ("guidance_end", guidanceEnd)]
    where !(0...1).contains(value) {
      throw DenoiseError.badOption(name: name, reason: "must lie in 0...1")
    }
    guard guidanceStart < guidanceEnd else {
      throw DenoiseError.badOption(name: "guidance_end", reason: "must lie behind guidance_start")
    }
    guard reuse >= 1 else {
      throw DenoiseError.badOption(name: "reuse", reason: "must be at least 1")
    }
    guard (0...0.75).contains(tokenMerge) else {
      throw DenoiseError.badOption(name: "token_merge", reason: "must lie in 0...0.75")
    }
  }
}
