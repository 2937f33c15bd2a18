import TensorRuntime

/// Makes a tensor of random numbers that depend on the seed alone, as `torch.rand` draws them.
///
/// - Parameters:
///   - shape: The tensor's shape.
///   - seed: The generator's seed.
///   - scale: The numbers lie between -scale and scale, before the shift.
///   - shift: What is added to each number.
/// - Returns: A tensor of that shape.
public func noise(_ shape: [Int], seed: UInt64, scale: Float = 1, shift: Float = 0) -> Tensor {
  var generator = TorchGenerator(seed: seed)
  let values = generator.rand(shape.reduce(1, *))
  return Tensor(values.map { ($0 * 2 - 1) * scale + shift }, shape: shape)
}

/// Makes the same numbers in the form of weights stored in float32.
public func noiseWeights(_ shape: [Int], seed: UInt64, scale: Float = 1) -> RawTensor {
  RawTensor(noise(shape, seed: seed, scale: scale).floats(), shape: shape)
}
