import ResgraphWeights

// Whether weights fit their configuration, by the names and shapes in the files' headers: layers pack
// their weights when they first compute, so that building a model of zeros takes milliseconds.
extension CheckpointReference {
  /// Compares a part's tensors with what its configuration builds.
  ///
  /// - Parameter component: The part.
  /// - Throws: `WeightError` for the first tensor that is missing, has another shape or is not used;
  ///   `ConfigurationFault`.
  package func checkHeaders(_ component: Component) throws {
    let weights = WeightScope(HeaderSource(try layout.source(component)))
    try ConfigurationFault.naming(configFile(component)) {
      switch component {
      case .unet: _ = try UNet2DConditionModel(weights, config: unetConfig())
      case .vae: _ = try Autoencoder(weights, config: autoencoderConfig())
      case .textEncoder, .textEncoder2:
        _ = try CLIPTextModel(weights, config: textConfig(component))
      }
    }
  }
}

extension VAEOrigin {
  /// Compares the tensors with what the configuration builds.
  ///
  /// - Throws: `WeightError` for the first tensor that is missing, has another shape or is not used;
  ///   `ConfigurationFault`.
  package func checkHeaders() throws {
    let (weights, config) = (WeightScope(HeaderSource(try source())), try config())
    try ConfigurationFault.naming(path) { _ = try Autoencoder(weights, config: config) }
  }
}
