import ResgraphFiles

/// An autoencoder in a file or folder.
///
/// It may be a folder of `config.json` and weights, a whole checkpoint, whose autoencoder is taken,
/// or one file with diffusers' names or the original ones, with or without the checkpoint's prefix.
/// Folders and files with diffusers' names may also hold a tiny autoencoder (TAESD).
public struct AutoencoderLayout: Sendable {
  /// The tensors under diffusers' names.
  public let source: any WeightSource
  /// The content of `config.json`, or a configuration derived from the shapes of the tensors.
  public let config: JSONValue
  /// The assumptions that were made, in one sentence each.
  public let notes: [String]

  /// Opens an autoencoder and reads its headers.
  ///
  /// - Parameter path: A folder or file.
  /// - Returns: The opened autoencoder.
  /// - Throws: `WeightError` when there is none in `path`, or it is malformed.
  public static func open(path: String) throws -> AutoencoderLayout {
    if try FileSystem.kind(of: path) == .folder { return try folder(path) }
    let file = try openWeightFile(path)
    if WeightScope(file).has("model.diffusion_model") {
      return try checkpoint(CheckpointLayout.open(path: path))
    }
    return try single(file)
  }

  /// The identity of tensors and configuration.
  public var digest: String {
    get throws { try Digest.fields([source.digest, config.canonicalText()]) }
  }

  /// The name of a tensor that every tiny autoencoder (TAESD) has under diffusers' names.
  private static let tinyAnchor = "decoder.layers.0.weight"

  private static func folder(_ path: String) throws -> AutoencoderLayout {
    if FileSystem.exists(joinPath(path, "model_index.json")) {
      return try checkpoint(CheckpointLayout.open(path: path))
    }
    let opened = try ComponentFolder(path: path)
    guard
      opened.source.entry("decoder.conv_in.weight") != nil
        || opened.source.entry(tinyAnchor) != nil
    else {
      throw WeightError.invalidLayout(path: path, reason: "holds no autoencoder")
    }
    return AutoencoderLayout(source: opened.source, config: opened.config, notes: opened.notes)
  }

  private static func checkpoint(_ layout: CheckpointLayout) throws -> AutoencoderLayout {
    try AutoencoderLayout(
      source: layout.source(.vae), config: layout.config(.vae), notes: layout.notes)
  }

  private static func single(_ file: any WeightSource) throws -> AutoencoderLayout {
    var source = normalized(file)
    if source.entry(tinyAnchor) != nil {
      return AutoencoderLayout(
        source: source, config: ["_class_name": "AutoencoderTiny"],
        notes: ["\(file.location): carries no configuration; a scaling factor of 1 is assumed"])
    }
    let anchor = "decoder.up_blocks.0.resnets.0.conv1.weight"
    if source.entry(anchor) == nil {
      let prefix = ["", "first_stage_model.", "vae."].first {
        file.entry($0 + "decoder.mid.block_1.conv1.weight") != nil
      }
      guard let prefix else {
        throw WeightError.invalidLayout(
          path: file.location, reason: "holds no autoencoder (it has \(listed(file.keys)))")
      }
      source = RenamedSource(base: file, origins: autoencoderOrigins(file, prefix: prefix))
      guard source.entry(anchor) != nil else {
        throw WeightError.invalidLayout(
          path: file.location, reason: "its autoencoder is incomplete: no '\(anchor)'")
      }
    }
    return AutoencoderLayout(
      source: source, config: SynthesizedConfig.autoencoder(source, family: .sd1),
      notes: ["\(file.location): carries no configuration; a scaling factor of 0.18215 is assumed"])
  }
}
