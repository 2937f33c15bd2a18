import Synchronization
import TensorRuntime

/// The result of a UNet's deep levels at the last step that computed them: the feature map that
/// enters the last two residual blocks of the finest level on the way up.
///
/// It changes little from step to step. So a step may reuse it, and compute only the first residual
/// block on the way down and those two on the way up.
final class DeepFeatures: Sendable {
  private let state = Mutex<Tensor?>(nil)

  /// The features; nil before the first step.
  var value: Tensor? {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

/// The ways in which a step uses the deep features.
enum DeepFeatureUse: Sendable {
  /// The step runs the whole model, and stores them.
  case keep(DeepFeatures)
  /// The step takes the stored ones instead of running the deep levels.
  case take(DeepFeatures)
}
