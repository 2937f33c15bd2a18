import DiffusionModels
import Synchronization
import TensorRuntime

/// A ControlNet at work in one run.
final class ControlNetControl: DenoiseControl {
  private let recipe: ControlNetRecipe
  private let model: ControlNetModel
  private let isGuided: Bool
  /// The picture, brought to the size of a latent.
  private let hint: Tensor
  /// What is the same for every step, once the first has come.
  private let prepared = Mutex<UNetConditions?>(nil)

  init(_ recipe: ControlNetRecipe, model: ControlNetModel, picture: Tensor, isGuided: Bool) {
    self.recipe = recipe
    self.model = model
    self.isGuided = isGuided
    hint = model.hint(picture)
  }

  /// Whether the prompt's half of the batch alone is controlled, as in guess mode.
  private var seesPromptOnly: Bool { isGuided && recipe.seesPromptOnly }

  func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws {
    guard recipe.window.contains(step) else { return }
    let own = prepared.withLock { known in
      if let known { return known }
      let made = model.prepared(seesPromptOnly ? conditions.promptHalf : conditions)
      known = made
      return made
    }
    var residuals = model(
      sample, timestep: step.timestep, conditions: own, hint: hint, scale: recipe.weight,
      guess: recipe.guess)
    if seesPromptOnly {
      let half = conditions.text.shape[0] / 2
      residuals = ControlResiduals(
        down: residuals.down.map { $0.behindZeros(half) }, mid: residuals.mid.behindZeros(half))
    }
    conditions.controlResiduals = conditions.controlResiduals.map { $0 + residuals } ?? residuals
  }
}

extension UNetConditions {
  /// The second half of a guided batch: the prompt's.
  fileprivate var promptHalf: UNetConditions {
    func half(_ tensor: Tensor) -> Tensor {
      tensor.slice(axis: 0, tensor.shape[0] / 2..<tensor.shape[0])
    }
    var conditions = UNetConditions(
      text: half(text), pooled: pooled.map(half), timeIDs: timeIDs.map(half))
    conditions.timestepCond = timestepCond.map(half)
    conditions.timesteps = timesteps
    return conditions
  }
}

extension Tensor {
  /// The tensor as the second half of a batch whose first half is `count` samples of zeros.
  fileprivate func behindZeros(_ count: Int) -> Tensor {
    let copies = Tensor.concatenate(
      Array(repeating: self, count: max(1, count / max(1, shape[0]))), axis: 0)
    return Tensor.concatenate([copies * 0, copies], axis: 0)
  }
}
