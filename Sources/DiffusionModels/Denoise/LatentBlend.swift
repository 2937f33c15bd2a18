import TensorRuntime

/// Changes the latents after every step.
public protocol LatentBlend: Sendable {
  /// Changes the latents.
  ///
  /// - Parameters:
  ///   - latents: The step's result.
  ///   - context: The step of the run, its noise and its sampler.
  /// - Returns: Latents of the same shape.
  /// - Throws: When they cannot be computed.
  func callAsFunction(_ latents: Tensor, _ context: BlendContext) throws -> Tensor
}

/// The inputs of a blend.
public struct BlendContext: Sendable {
  /// The step of the run.
  public let step: DenoiseStep
  /// The noise that the run started from.
  public let noise: Tensor
  /// The sampler after the step.
  public let sampler: any Sampler
}

/// Keeps a picture outside a mask, as inpainting with an ordinary UNet does.
public struct InpaintBlend: LatentBlend {
  private let original: Tensor
  private let mask: Tensor
  private let inverse: Tensor

  /// Makes a blend.
  ///
  /// - Parameters:
  ///   - original: The picture's latents, [B, C, h, w].
  ///   - mask: The mask, 1 where a new picture is drawn and 0 where the old one stays, [1 or B, 1,
  ///     h, w].
  /// - Throws: `DenoiseError.shapeMismatch` when the mask does not fit the latents.
  public init(original: Tensor, mask: Tensor) throws {
    let shape = original.shape
    let batch = mask.shape.first ?? 0
    guard shape.count == 4, [1, shape[0]].contains(batch),
      mask.shape == [batch, 1, shape[2], shape[3]]
    else {
      throw DenoiseError.shapeMismatch(
        what: "mask", expected: "one channel of the size of latents \(shape)", found: mask.shape)
    }
    self.original = original
    let channels = Tensor.concatenate(Array(repeating: mask, count: shape[1]), axis: 1)
    self.mask = channels.repeated(toBatch: shape[0])
    inverse = 1 - self.mask
  }

  /// Puts the picture with the noise of the next step outside the mask, and the latents inside.
  ///
  /// - Parameters:
  ///   - latents: The step's result.
  ///   - context: The step of the run, its noise and its sampler.
  /// - Returns: The blend; after the last step the picture is clean.
  public func callAsFunction(_ latents: Tensor, _ context: BlendContext) -> Tensor {
    var kept = original
    if let next = context.step.nextTimestep {
      kept = context.sampler.addNoise(original, noise: context.noise, timestep: next)
    }
    return inverse * kept + mask * latents
  }
}
