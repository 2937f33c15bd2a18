import ResgraphFiles
import ResgraphWeights

/// A checkpoint that was opened by header, and what its configurations say.
package struct CheckpointReference: Sendable {
  /// Its parts.
  package let layout: CheckpointLayout

  /// Describes a checkpoint.
  package init(layout: CheckpointLayout) { self.layout = layout }

  /// The folder or file.
  package var path: String { layout.path }
  /// The family's name in port types: `UNet<sd15>`.
  package var family: String { layout.family.rawValue }

  /// The configuration of a part; a `ConfigurationFault` names the file when it cannot be used.
  func config<Config>(
    _ component: Component, _ make: (JSONValue) throws -> Config
  ) throws -> Config {
    let json = try layout.config(component)
    return try ConfigurationFault.naming(configFile(component)) { try make(json) }
  }

  /// The file that holds the configuration of a part, or from which it is derived.
  func configFile(_ component: Component) -> String {
    layout.isFolder ? "\(path)/\(component.rawValue)/config.json" : path
  }
}

extension CheckpointReference {
  /// The denoiser's configuration.
  package func unetConfig() throws -> UNetConfig { try config(.unet) { try UNetConfig(json: $0) } }

  /// The autoencoder's configuration.
  package func autoencoderConfig() throws -> AutoencoderConfig {
    try config(.vae) { try AutoencoderConfig(json: $0) }
  }

  /// The scheduler's; Stable Diffusion 1 and 2 have old files corrected, SDXL has not.
  package func schedulerConfig() throws -> SchedulerConfig {
    try SchedulerConfig(json: layout.schedulerConfig, correctsOldFiles: layout.family != .sdxl)
  }

  /// How its latents relate to pictures: as its autoencoder says, or Stable Diffusion's way where
  /// it has none.
  package func latentGeometry() throws -> LatentGeometry {
    guard layout.components.contains(.vae) else { return .stableDiffusion }
    return try autoencoderConfig().geometry
  }
}

/// A fault of a model's configuration, with its file.
package struct ConfigurationFault: Error, CustomStringConvertible {
  let file: String
  let reason: String

  package var description: String { "\(file): \(reason)" }

  /// Adds the file to errors about a model's configuration.
  package static func naming<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as ModelError {
      throw ConfigurationFault(file: file, reason: error.description)
    }
  }
}
