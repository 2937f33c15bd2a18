import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// An autoencoder between pictures and latents, of either architecture.
public enum Autoencoder: Sendable {
  /// The architecture of Stable Diffusion.
  case kl(AutoencoderKL)
  /// The small architecture, for previews.
  case tiny(AutoencoderTiny)

  /// Builds the model that the configuration names.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used;
  ///   `ModelError` for impossible dimensions.
  public init(_ weights: WeightScope, config: AutoencoderConfig) throws {
    switch config {
    case .kl(let config): self = .kl(try AutoencoderKL(weights, config: config))
    case .tiny(let config): self = .tiny(try AutoencoderTiny(weights, config: config))
    }
  }

  /// The configuration of the model.
  public var config: AutoencoderConfig {
    switch self {
    case .kl(let model): .kl(model.config)
    case .tiny(let model): .tiny(model.config)
    }
  }

  /// Encodes pictures to their latents.
  ///
  /// - Parameter image: [B, 3, H, W] in -1...1.
  /// - Returns: The mean of the latents, not scaled, and the logarithm of their variance, which is
  ///   nil for the architecture that has no variance.
  public func encode(_ image: Tensor) -> (mean: Tensor, logvar: Tensor?) {
    switch self {
    case .kl(let model):
      let (mean, logvar) = model.encode(image)
      return (mean, logvar)
    case .tiny(let model): return (model.encode(image), nil)
    }
  }

  /// Decodes latents to pictures.
  ///
  /// - Parameters:
  ///   - latent: [B, latentChannels, h, w], not scaled.
  ///   - tiling: The tiles to decode in; nil to decode the whole at once, as the small architecture
  ///     always does.
  /// - Returns: [B, 3, H, W], about -1...1.
  public func decode(_ latent: Tensor, tiling: VAETiling? = nil) -> Tensor {
    switch self {
    case .kl(let model):
      tiling.map { model.decodeTiled(latent, tiling: $0) } ?? model.decode(latent)
    case .tiny(let model): model.decode(latent)
    }
  }

  /// Scales latents of the autoencoder to the UNet's.
  ///
  /// - Parameter latent: [B, latentChannels, h, w].
  /// - Returns: The same shape.
  public func scaled(_ latent: Tensor) -> Tensor {
    switch self {
    case .kl(let model): model.scaled(latent)
    case .tiny(let model): model.scaled(latent)
    }
  }

  /// Scales latents of the UNet to the autoencoder's.
  ///
  /// - Parameter latent: [B, latentChannels, h, w].
  /// - Returns: The same shape.
  public func unscaled(_ latent: Tensor) -> Tensor {
    switch self {
    case .kl(let model): model.unscaled(latent)
    case .tiny(let model): model.unscaled(latent)
    }
  }
}

/// The configuration of an autoencoder of either architecture.
public enum AutoencoderConfig: Sendable, Equatable {
  /// The configuration of an `AutoencoderKL`.
  case kl(VAEConfig)
  /// The configuration of an `AutoencoderTiny`.
  case tiny(TinyVAEConfig)

  /// Reads a `config.json`.
  ///
  /// - Parameter json: The document, whose `_class_name` decides.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws {
    if json.string("_class_name") == "AutoencoderTiny" {
      self = .tiny(try TinyVAEConfig(json: json))
    } else {
      self = .kl(try VAEConfig(json: json))
    }
  }

  /// Channels of the picture that is encoded.
  public var inChannels: Int {
    switch self {
    case .kl(let config): config.inChannels
    case .tiny(let config): config.inChannels
    }
  }

  /// Channels of the picture that is decoded.
  public var outChannels: Int {
    switch self {
    case .kl(let config): config.outChannels
    case .tiny(let config): config.outChannels
    }
  }

  /// Channels of a latent.
  public var latentChannels: Int {
    switch self {
    case .kl(let config): config.latentChannels
    case .tiny(let config): config.latentChannels
    }
  }

  /// The ratio of a picture's side to its latent's.
  public var downscale: Int {
    switch self {
    case .kl(let config): config.downscale
    case .tiny(let config): config.downscale
    }
  }
}
