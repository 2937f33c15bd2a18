import TensorRuntime

/// Adds to a UNet's conditions at every step, as a ControlNet does.
public protocol DenoiseControl: Sendable {
  /// Adds the part for a step.
  ///
  /// - Parameters:
  ///   - conditions: The step's conditions, of the whole guided batch.
  ///   - sample: The scaled latents of one half of the guided batch, [B, C, h, w], without mask
  ///     channels.
  ///   - step: The step of the run.
  /// - Throws: When the control cannot be computed.
  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws
}

/// The part of a run during which a control has an effect.
public struct ControlWindow: Sendable, Equatable {
  /// The share of the steps before which it has no effect.
  public let start: Double
  /// The share of the steps after which it has no effect.
  public let end: Double

  /// Makes a window.
  ///
  /// - Parameters:
  ///   - start: 0...1.
  ///   - end: 0...1.
  public init(start: Double = 0, end: Double = 1) {
    self.start = start
    self.end = end
  }

  /// Whether the control has an effect at a step, by diffusers' rule.
  ///
  /// - Parameter step: The step of the run.
  /// - Returns: True inside the window.
  public func contains(_ step: DenoiseStep) -> Bool {
    let count = Double(step.count)
    return Double(step.index) / count >= start && Double(step.index + 1) / count <= end
  }
}
