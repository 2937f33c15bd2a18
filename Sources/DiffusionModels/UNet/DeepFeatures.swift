import Synchronization
import TensorRuntime

/// What a UNet's deep levels gave at the last step that ran them: the feature map that enters the
/// last two residual blocks of the finest level on the way up.
///
/// It changes little from step to step, so a step may take it and compute only what lies around it:
/// the first residual block on the way down and those two on the way up.
final class DeepFeatures: Sendable {
  private let state = Mutex<Tensor?>(nil)

  /// The features; nil before the first step.
  var value: Tensor? {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

/// What a step does with the deep features.
enum DeepFeatureUse: Sendable {
  /// Runs the whole model and keeps them.
  case keep(DeepFeatures)
  /// Takes them in place of the deep levels.
  case take(DeepFeatures)
}
