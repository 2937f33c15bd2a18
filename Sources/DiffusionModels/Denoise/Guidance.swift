import TensorRuntime

/// Classifier-free guidance over a batch of [negative…, positive…].
struct Guidance: Sendable {
  let scale: Float
  /// 0 leaves the guided prediction as it is; 1 gives it the text prediction's standard deviation.
  let rescale: Float

  func callAsFunction(_ predictions: Tensor) -> Tensor {
    let half = predictions.shape[0] / 2
    let negative = predictions.slice(axis: 0, 0..<half)
    let positive = predictions.slice(axis: 0, half..<2 * half)
    let guided = Tensor.multiplyAdd(negative, 1, positive - negative, scale)
    return rescale > 0 ? rescaled(guided, like: positive) : guided
  }

  /// Moves the standard deviation of a guided prediction towards that of the prompt's prediction.
  func rescaled(_ guided: Tensor, like positive: Tensor) -> Tensor {
    let wanted = positive.standardDeviationPerSample()
    let found = guided.standardDeviationPerSample()
    let parts = wanted.indices.map { index in
      let sample = guided.slice(axis: 0, index..<index + 1)
      return Tensor.multiplyAdd(
        sample * (wanted[index] / found[index]), rescale, sample, 1 - rescale)
    }
    return Tensor.concatenate(parts, axis: 0)
  }

  /// The embedding of the guidance for latent-consistency models, [batch, width].
  static func embedding(scale: Double, width: Int, batch: Int) -> Tensor {
    guidanceEmbedding(Array(repeating: Float(scale - 1), count: batch), channels: width)
  }
}
