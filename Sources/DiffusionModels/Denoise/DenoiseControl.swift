import TensorRuntime

/// Something that adds to a UNet's conditions at every step, such as a ControlNet.
public protocol DenoiseControl: Sendable {
  /// Adds what applies to a step.
  ///
  /// - Parameters:
  ///   - conditions: The step's conditions, of the whole guided batch.
  ///   - sample: The scaled latents of one guidance half, [B, C, h, w], without mask channels.
  ///   - step: Where the run is.
  /// - Throws: When the control cannot be computed.
  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws
}

/// The part of a run during which a control counts.
public struct ControlWindow: Sendable, Equatable {
  /// Share of the steps before which it does not count.
  public let start: Double
  /// Share of the steps after which it does not count.
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

  /// Whether the control counts at a step, by diffusers' rule.
  ///
  /// - Parameter step: Where the run is.
  /// - Returns: True inside the window.
  public func contains(_ step: DenoiseStep) -> Bool {
    let count = Double(step.count)
    return Double(step.index) / count >= start && Double(step.index + 1) / count <= end
  }
}
