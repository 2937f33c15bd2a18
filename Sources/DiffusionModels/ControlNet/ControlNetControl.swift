import Synchronization
import TensorRuntime

/// How strongly a control counts, and when.
package struct ControlSettings: Sendable {
  /// Its weight.
  package var weight: Float
  /// The part of a run during which it counts.
  package var window: ControlWindow
  /// Whether the picture alone says what is shown, without a prompt; for ControlNets.
  package var guess: Bool

  /// Makes settings.
  package init(weight: Float, window: ControlWindow, guess: Bool = false) {
    self.weight = weight
    self.window = window
    self.guess = guess
  }
}

/// A ControlNet in one run.
package final class ControlNetControl: DenoiseControl {
  private let model: ControlNetModel
  private let settings: ControlSettings
  /// Whether only the prompt's half of the batch is controlled, as in guess mode.
  private let seesPromptOnly: Bool
  /// The picture, reduced to the size of a latent.
  private let hint: Tensor
  /// The results that are the same for every step; nil before the first step.
  private let prepared = Mutex<UNetConditions?>(nil)

  /// Prepares a control by a picture [1 or B, 3, H, W] in 0...1, for a run that asks with and
  /// without the prompt or not.
  package init(
    _ model: ControlNetModel, picture: Tensor, _ settings: ControlSettings, isGuided: Bool
  ) {
    self.model = model
    self.settings = settings
    seesPromptOnly = isGuided && model.config.seesPromptOnly(settings)
    hint = model.hint(picture)
  }

  /// Adds the residuals of a step inside the window.
  package func apply(
    to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep
  ) throws {
    guard settings.window.contains(step) else { return }
    let half = conditions.batch / 2
    let own = prepared.withLock { known in
      if let known { return known }
      let seen = seesPromptOnly ? conditions.samples(half..<conditions.batch) : conditions
      let made = model.prepared(seen)
      known = made
      return made
    }
    var residuals = model(
      sample, timestep: step.timestep, conditions: own, hint: hint, scale: settings.weight,
      guess: settings.guess)
    if seesPromptOnly { residuals = residuals.map { $0.behindZeros(half) } }
    conditions.controls.residuals =
      conditions.controls.residuals.map { $0 + residuals } ?? residuals
  }
}

extension ControlNetConfig {
  /// Whether a guided run controls the prompt's half of its batch alone.
  package func seesPromptOnly(_ settings: ControlSettings) -> Bool { settings.guess || globalPool }
}

extension Tensor {
  /// Puts `count` samples of zeros before the tensor, as the first half of a batch.
  fileprivate func behindZeros(_ count: Int) -> Tensor {
    let copies = Tensor.concatenate(
      Array(repeating: self, count: max(1, count / max(1, shape[0]))), axis: 0)
    return Tensor.concatenate([copies * 0, copies], axis: 0)
  }
}
