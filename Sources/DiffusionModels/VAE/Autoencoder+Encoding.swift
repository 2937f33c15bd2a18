import TensorRuntime

/// Which of the latents that an encoder thinks possible is taken.
package enum LatentChoice: String, Sendable, CaseIterable {
  /// The most likely one.
  case mode
  /// A random one.
  case random
}

extension Autoencoder {
  /// Encodes pictures [B, 3, H, W] in 0...1 to latents, scaled for the denoiser.
  ///
  /// `progress` is told how many pictures are done, before the first and after each; what it throws
  /// stops the work. An architecture without random latents throws `ModelError` when it is asked
  /// for one.
  package func latents(
    of pictures: Tensor, _ choice: LatentChoice, generator: inout TorchGenerator,
    progress: (Int) throws -> Void = { _ in }
  ) throws -> Tensor {
    var parts: [(mean: Tensor, logvar: Tensor?)] = []
    for index in 0..<pictures.shape[0] {
      try progress(index)
      parts.append(encode(pictures.slice(axis: 0, index..<index + 1) * 2 - 1))
    }
    try progress(parts.count)
    let mean = Tensor.concatenate(parts.map(\.mean), axis: 0)
    guard choice == .random else { return scaled(mean) }
    let variances = parts.compactMap(\.logvar)
    guard variances.count == parts.count else {
      throw ModelError.unsupportedOption(
        model: "AutoencoderTiny", option: "sample", value: choice.rawValue,
        supported: LatentChoice.mode.rawValue)
    }
    return scaled(
      AutoencoderKL.draw(
        mean: mean, logvar: Tensor.concatenate(variances, axis: 0), generator: &generator))
  }
}
