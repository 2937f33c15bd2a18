import TensorRuntime

extension Tensor {
  /// This tensor with its batch repeated as a whole until it has `batch` samples.
  ///
  /// Guidance runs a UNet on the same latents with several texts; what does not depend on the text
  /// is computed on the plain batch and repeated here, where the texts first matter.
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
