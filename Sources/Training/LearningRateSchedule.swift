import Foundation

/// How the learning rate changes over the steps, by diffusers' names.
public enum LearningRateSchedule: String, Sendable, CaseIterable {
  /// The same for all steps.
  case constant
  /// The same once it has grown from zero.
  case constantWithWarmup = "constant_with_warmup"
  /// Falls to zero in a straight line.
  case linear
  /// Falls to zero along half a cosine.
  case cosine

  /// What the learning rate is multiplied by.
  ///
  /// - Parameters:
  ///   - step: Steps taken so far.
  ///   - warmup: Steps over which it grows from zero.
  ///   - total: Steps of the whole training.
  /// - Returns: A factor in 0...1.
  func factor(step: Int, warmup: Int, total: Int) -> Double {
    if self == .constant { return 1 }
    if step < warmup { return Double(step) / Double(max(1, warmup)) }
    let progress = Double(step - warmup) / Double(max(1, total - warmup))
    switch self {
    case .constant, .constantWithWarmup: return 1
    case .linear: return max(0, 1 - progress)
    case .cosine: return max(0, 0.5 * (1 + cos(Double.pi * min(progress, 1))))
    }
  }
}
