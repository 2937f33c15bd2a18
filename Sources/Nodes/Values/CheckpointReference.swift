import GraphRuntime
import Weights

/// A checkpoint that was opened by header.
struct CheckpointReference: Sendable {
  /// The folder or file.
  var path: String { layout.path }
  /// Its parts.
  let layout: CheckpointLayout

  /// The family's name in port types: `UNet<sd15>`.
  var family: String { layout.family.portName }
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

  func config() throws -> JSONValue {
    switch self {
    case .checkpoint(let reference): try reference.layout.config(.vae)
    case .own(let layout, _): layout.config
    }
  }
}
