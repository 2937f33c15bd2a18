import TensorRuntime

/// A sample x = alpha·x0 + sigma·noise with alpha² + sigma² = 1, and the meaning of a model's
/// output for it.
struct VariancePreserving {
  let alpha: Float
  let sigma: Float

  /// The noise level of a value of alpha-bar.
  init(alphaCumprod: Float) {
    alpha = alphaCumprod.squareRoot()
    sigma = (1 - alphaCumprod).squareRoot()
  }

  /// The noise level of a sigma of the variance-exploding form.
  init(sigma: Float) {
    alpha = 1 / (sigma * sigma + 1).squareRoot()
    self.sigma = sigma * alpha
  }

  /// The clean sample that follows from the model's output.
  func original(_ type: PredictionType, output: Tensor, sample: Tensor) -> Tensor {
    switch type {
    case .epsilon: Tensor.multiplyAdd(sample, 1, output, -sigma) / alpha
    case .sample: output
    case .vPrediction: Tensor.multiplyAdd(sample, alpha, output, -sigma)
    }
  }

  /// The noise that follows from the model's output.
  func epsilon(_ type: PredictionType, output: Tensor, sample: Tensor) -> Tensor {
    switch type {
    case .epsilon: output
    case .sample: Tensor.multiplyAdd(sample, 1, output, -alpha) / sigma
    case .vPrediction: Tensor.multiplyAdd(output, alpha, sample, sigma)
    }
  }

  func noisy(_ original: Tensor, _ noise: Tensor) -> Tensor {
    Tensor.multiplyAdd(original, alpha, noise, sigma)
  }
}

/// The clean sample that follows from a model's output for x = x0 + sigma·noise.
func varianceExplodingOriginal(
  _ type: PredictionType, output: Tensor, sample: Tensor, sigma: Float
) -> Tensor {
  switch type {
  case .epsilon: return Tensor.multiplyAdd(sample, 1, output, -sigma)
  case .sample: return output
  case .vPrediction:
    let square = sigma * sigma + 1
    return output * (-sigma / square.squareRoot()) + sample / square
  }
}
