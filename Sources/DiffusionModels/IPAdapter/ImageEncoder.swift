import ResgraphWeights
import TensorRuntime

/// The files of an image encoder, whose headers have been read.
package struct ImageEncoder: Sendable {
  /// Weights and configurations.
  package let files: ImageEncoderFiles
  /// The encoder's configuration.
  package let config: CLIPVisionConfig
  private let preprocessor: ImagePreprocessor

  /// Opens a folder or file.
  package init(path: String) throws {
    files = try ImageEncoderFiles(path: path)
    try files.source.checkReadable()
    let json = files.config
    config = try ConfigurationFault.naming(path) { try CLIPVisionConfig(json: json) }
    if let json = files.preprocessor {
      preprocessor = try ImagePreprocessor(json: json, path: files.preprocessorPath)
    } else {
      preprocessor = ImagePreprocessor(side: config.imageSize)
    }
  }

  /// Builds the model.
  package func model() throws -> CLIPVisionModel {
    try CLIPVisionModel(WeightScope(files.source), config: config)
  }

  /// What an adapter wants and what the encoder gives, in words; nil where these are the same.
  package func mismatch(_ wanted: ImageEncoding) -> (expected: String, got: String)? {
    let (width, found, released) =
      switch wanted {
      case .embedding(let width): (width, config.projectionSize, [1_024: "H", 1_280: "bigG"])
      case .penultimateStates(let width): (width, config.hiddenSize, [1_280: "H", 1_664: "bigG"])
      }
    guard width != found else { return nil }
    func name(_ width: Int) -> String { released[width].map { " (CLIP ViT-\($0))" } ?? "" }
    return (
      "an encoder that gives \(width) numbers\(name(width))",
      "\(found)\(name(found)) in \(files.path)"
    )
  }

  /// Pictures as the encoder takes them.
  func pixels(_ pictures: Tensor) throws -> Tensor {
    let pixels = preprocessor(pictures)
    try checkSize(width: pixels.shape[3], height: pixels.shape[2])
    return pixels
  }

  private func checkSize(width: Int, height: Int) throws {
    guard width == config.imageSize, height == config.imageSize else {
      throw WeightError.malformed(
        path: files.preprocessorPath, format: "preprocessor configuration",
        reason: "it makes pictures of \(width)x\(height), the encoder takes "
          + "\(config.imageSize)x\(config.imageSize)")
    }
  }
}

extension ImageEncoder {
  /// Compares the tensors with what the configuration builds, and the pictures that the preprocessor
  /// makes with those that the encoder takes.
  ///
  /// - Throws: `WeightError` for the first tensor that does not fit, and for a preprocessor of another
  ///   size; `ConfigurationFault`.
  package func checkHeaders() throws {
    let weights = WeightScope(HeaderSource(files.source))
    try ConfigurationFault.naming(files.path) { _ = try CLIPVisionModel(weights, config: config) }
    if let size = preprocessor.fixedSize { try checkSize(width: size.width, height: size.height) }
  }
}
