import DiffusionModels
import GraphRuntime
import ResgraphFiles
import ResgraphWeights

/// A checkpoint that was opened by header.
struct CheckpointReference: Sendable {
  /// The folder or file.
  var path: String { layout.path }
  /// Its parts.
  let layout: CheckpointLayout

  /// The family's name in port types: `UNet<sd15>`.
  var family: String { layout.family.portName }

  /// The configuration of a part.
  ///
  /// - Parameters:
  ///   - component: The part.
  ///   - make: Reads the configuration.
  /// - Returns: What `make` made.
  /// - Throws: `ConfigurationFault` naming the file when `make` cannot use it.
  func config<Config>(
    _ component: Component, _ make: (JSONValue) throws -> Config
  ) throws -> Config {
    let json = try layout.config(component)
    return try ConfigurationFault.naming(configFile(component)) { try make(json) }
  }

  /// The file in which the configuration of a part stands, or from which it is read off.
  func configFile(_ component: Component) -> String {
    layout.isFolder ? "\(path)/\(component.rawValue)/config.json" : path
  }
}

/// What is wrong with a model's configuration, and where that stands.
struct ConfigurationFault: Error, CustomStringConvertible {
  let file: String
  let reason: String

  var description: String { "\(file): \(reason)" }

  /// Names the file in a model's complaint.
  static func naming<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as ModelError {
      throw ConfigurationFault(file: file, reason: error.description)
    }
  }
}

extension ModelFamily {
  /// The name in port types and in the `family` parameter.
  var portName: String { rawValue }
}

/// Where an autoencoder comes from.
enum VAEOrigin: Sendable {
  /// A part of a checkpoint.
  case checkpoint(CheckpointReference)
  /// A folder or file of its own.
  case own(AutoencoderLayout, path: String)

  var path: String {
    switch self {
    case .checkpoint(let reference): reference.path
    case .own(_, let path): path
    }
  }

  /// The family, where it is known: an autoencoder of its own does not say.
  var family: String? {
    if case .checkpoint(let reference) = self { return reference.family }
    return nil
  }

  func source() throws -> any WeightSource {
    switch self {
    case .checkpoint(let reference): try reference.layout.source(.vae)
    case .own(let layout, _): layout.source
    }
  }

  func config() throws -> AutoencoderConfig {
    switch self {
    case .checkpoint(let reference):
      try reference.config(.vae) { try AutoencoderConfig(json: $0) }
    case .own(let layout, let path):
      try ConfigurationFault.naming(path) { try AutoencoderConfig(json: layout.config) }
    }
  }
}
