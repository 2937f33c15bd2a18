import TensorRuntime

extension Tensor {
  /// Repeats the whole batch until it has `batch` samples.
  ///
  /// Guidance runs a UNet on the same latents with several texts. The layers before the first one
  /// that reads the text are computed on the plain batch, and their result is repeated by this.
  ///
  /// - Parameter batch: A multiple of the present batch size.
  /// - Returns: The tensor itself when there is nothing to repeat.
  func repeated(toBatch batch: Int) -> Tensor {
    let own = shape[0]
    if own == batch { return self }
    precondition(own > 0 && batch % own == 0, "a batch of \(own) cannot be repeated to \(batch)")
    return Tensor.concatenate(Array(repeating: self, count: batch / own), axis: 0)
  }
}
