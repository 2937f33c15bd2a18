import ResgraphWeights

/// The origin of an autoencoder.
package enum VAEOrigin: Sendable {
  /// A part of a checkpoint.
  case checkpoint(CheckpointReference)
  /// A folder or file of its own.
  case own(AutoencoderLayout, path: String)

  /// The folder or file.
  package var path: String {
    switch self {
    case .checkpoint(let reference): reference.path
    case .own(_, let path): path
    }
  }

  /// The family; nil for an autoencoder that is not a part of a checkpoint.
  package var family: String? {
    if case .checkpoint(let reference) = self { return reference.family }
    return nil
  }

  /// The weights, read from the files on demand.
  package func source() throws -> any WeightSource {
    switch self {
    case .checkpoint(let reference): try reference.layout.source(.vae)
    case .own(let layout, _): layout.source
    }
  }

  /// The model's configuration.
  package func config() throws -> AutoencoderConfig {
    switch self {
    case .checkpoint(let reference): try reference.autoencoderConfig()
    case .own(let layout, let path):
      try ConfigurationFault.naming(path) { try AutoencoderConfig(json: layout.config) }
    }
  }
}
