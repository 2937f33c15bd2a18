import Foundation
import ResgraphWeights
import TensorRuntime

/// The autoencoder between pictures and latents.
///
/// Follows diffusers' `AutoencoderKL`. `encode` and `decode` work on the autoencoder's own latents;
/// `scaled(_:)` and `unscaled(_:)` convert to and from the UNet's.
public final class AutoencoderKL: Sendable {
  /// The configuration of the model.
  public let config: VAEConfig
  private let encoder: VAEEncoder
  private let decoder: VAEDecoder
  private let quantConv: Conv2D?
  private let postQuantConv: Conv2D?

  /// Builds the model.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used;
  ///   `ModelError` for impossible dimensions.
  public init(_ weights: WeightScope, config: VAEConfig) throws {
    self.config = config
    encoder = try VAEEncoder(weights["encoder"], config)
    decoder = try VAEDecoder(weights["decoder"], config)
    let latent = config.latentChannels
    quantConv =
      config.usesQuantConv
      ? try weights.convolution("quant_conv", 2 * latent, 2 * latent, kernel: 1) : nil
    postQuantConv =
      config.usesPostQuantConv
      ? try weights.convolution("post_quant_conv", latent, latent, kernel: 1) : nil
    try weights.verifyAllUsed(except: { _ in false })
  }

  /// Encodes pictures to the distribution of their latents.
  ///
  /// - Parameter image: [B, 3, H, W] in -1...1. Where a side is no multiple of `config.downscale`,
  ///   no latent stands for the last pixels.
  /// - Returns: Mean and logarithm of the variance, both [B, latentChannels, h, w]; the latter
  ///   within -30...20.
  public func encode(_ image: Tensor) -> (mean: Tensor, logvar: Tensor) {
    let moments = self.moments(image).contiguous()
    let latent = config.latentChannels
    let logvar = moments.slice(axis: 1, latent..<(2 * latent))
    return (moments.slice(axis: 1, 0..<latent), logvar.clamped(to: -30...20))
  }

  /// Decodes latents to pictures.
  ///
  /// - Parameter latent: [B, latentChannels, h, w], not scaled.
  /// - Returns: [B, 3, H, W], about -1...1.
  public func decode(_ latent: Tensor) -> Tensor {
    let latent = latent.channelsLast()
    return decoder(postQuantConv?(latent) ?? latent).contiguous()
  }

  /// Draws latents from the distribution that `encode` returns.
  ///
  /// - Parameters:
  ///   - mean: The mean of the latents.
  ///   - logvar: The logarithm of their variance.
  ///   - generator: The generator of the random numbers.
  /// - Returns: Latents of the same shape, not scaled.
  public static func draw(
    mean: Tensor, logvar: Tensor, generator: inout TorchGenerator
  ) -> Tensor {
    let spread = Tensor(logvar.floats().map { expf(0.5 * $0) }, shape: logvar.shape)
    return mean + spread * generator.randn(mean.shape)
  }

  private func moments(_ image: Tensor) -> Tensor {
    let moments = encoder(image.channelsLast())
    return quantConv?(moments) ?? moments
  }

  /// Scales latents of the autoencoder to the UNet's.
  ///
  /// - Parameter latent: [B, latentChannels, h, w].
  /// - Returns: The same shape.
  public func scaled(_ latent: Tensor) -> Tensor {
    if let (mean, std) = statistics {
      return (latent.adding(perSampleChannel: rows(mean.map { -$0 }, latent)))
        .scaled(byChannel: std.map { config.scalingFactor / $0 })
    }
    return (latent - (config.shiftFactor ?? 0)) * config.scalingFactor
  }

  /// Scales latents of the UNet to the autoencoder's.
  ///
  /// - Parameter latent: [B, latentChannels, h, w].
  /// - Returns: The same shape.
  public func unscaled(_ latent: Tensor) -> Tensor {
    if let (mean, std) = statistics {
      return latent.scaled(byChannel: std.map { $0 / config.scalingFactor })
        .adding(perSampleChannel: rows(mean, latent))
    }
    let plain = latent / config.scalingFactor
    return config.shiftFactor.map { plain + $0 } ?? plain
  }

  private var statistics: (mean: [Float], std: [Float])? {
    guard let mean = config.latentsMean, let std = config.latentsStd else { return nil }
    return (mean, std)
  }

  /// Repeats one value per channel for every sample of a batch.
  private func rows(_ values: [Float], _ latent: Tensor) -> Tensor {
    Tensor(values, shape: [1, values.count]).repeated(toBatch: latent.shape[0])
  }
}

extension Tensor {
  /// Multiplies every channel of a contiguous [B, C, H, W] by its own factor.
  fileprivate func scaled(byChannel factors: [Float]) -> Tensor {
    let plane = shape[2] * shape[3]
    let values = floats()
    let products = values.indices.map { values[$0] * factors[$0 / plane % factors.count] }
    return Tensor(products, shape: shape)
  }
}

extension AutoencoderKL: ModuleNode, CustomStringConvertible {
  var summary: String { "AutoencoderKL" }
  var children: [ModuleChild] {
    var list: [ModuleChild] = [("encoder", encoder), ("decoder", decoder)]
    if let quantConv { list.append(("quant_conv", quantConv)) }
    if let postQuantConv { list.append(("post_quant_conv", postQuantConv)) }
    return list
  }

  /// The modules and their dimensions, one line each.
  public var description: String { tree }
}
