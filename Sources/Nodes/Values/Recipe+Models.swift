import DiffusionModels
import Weights

extension UNetRecipe {
  /// The model's configuration.
  func config() throws -> UNetConfig { try UNetConfig(json: try base.layout.config(.unet)) }
}

extension VAERecipe {
  /// The weights, read from the files on demand.
  func source() throws -> any WeightSource { try origin.source() }

  /// The model's configuration.
  func config() throws -> AutoencoderConfig {
    try AutoencoderConfig(json: try origin.config())
  }
}
