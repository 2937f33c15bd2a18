import TensorRuntime

extension Tensor {
  /// One sample repeated for a batch; a batch as it is.
  func repeated(sampleCount: Int) -> Tensor {
    shape[0] == sampleCount
      ? self : Tensor.concatenate(Array(repeating: self, count: sampleCount), axis: 0)
  }
}
