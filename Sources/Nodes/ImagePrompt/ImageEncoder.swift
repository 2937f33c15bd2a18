import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime

/// An image encoder that was opened by header.
struct ImageEncoder: Sendable {
  let files: ImageEncoderFiles
  let config: CLIPVisionConfig
  let preprocessor: ImagePreprocessor

  init(path: String) throws {
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

  var identity: String { "image encoder\n\(files.path)" }
  var packedByteCount: Int { files.source.packedByteCount }

  /// What a picture is turned into, and what stands for no picture.
  struct Encoding {
    /// [1 or B, …].
    let prompt: Tensor
    /// [1, …]; nil where nothing asks for it.
    let negative: Tensor?
  }

  /// Checks that the encoder gives what an adapter wants.
  func check(_ wanted: ImageEncoding) throws {
    let (width, found, released) =
      switch wanted {
      case .embedding(let width): (width, config.projectionSize, [1_024: "H", 1_280: "bigG"])
      case .penultimateStates(let width): (width, config.hiddenSize, [1_280: "H", 1_664: "bigG"])
      }
    guard width != found else { return }
    func name(_ width: Int) -> String { released[width].map { " (CLIP ViT-\($0))" } ?? "" }
    throw NodeError(
      "the adapter was made for another image encoder", port: "image_encoder",
      expected: "an encoder that gives \(width) numbers\(name(width))",
      got: "\(found)\(name(found)) in \(files.path)")
  }

  /// Encodes pictures, each of which may be a batch.
  func encode(
    _ images: [ImageValue], as encoding: ImageEncoding, withNegatives: Bool, store: ModelStore
  ) throws -> [Encoding] {
    let source = files.source
    let model = try store.model(
      identity: identity, byteCount: { packedByteCount },
      load: { try CLIPVisionModel(WeightScope(source), config: config) })
    let pixels = try images.map { image in
      let pixels = preprocessor(image.tensor)
      guard pixels.shape[2] == config.imageSize, pixels.shape[3] == config.imageSize else {
        throw WeightError.malformed(
          path: files.preprocessorPath, format: "preprocessor configuration",
          reason: "it makes pictures of \(pixels.shape[3])x\(pixels.shape[2]), the encoder takes "
            + "\(config.imageSize)x\(config.imageSize)")
      }
      return pixels
    }
    guard let first = pixels.first else { return [] }
    func encode(_ pixels: Tensor) -> Tensor {
      let output = model(pixels)
      guard case .embedding = encoding else { return output.penultimateState }
      return output.embedding
    }
    let encoded = pixels.map(encode)
    var negative: Tensor?
    if withNegatives {
      // No picture is an embedding of zeros, or what the encoder makes of an all-zero picture.
      if case .embedding(let width) = encoding {
        negative = Tensor.zeros([1, width])
      } else {
        negative = encode(Tensor.zeros([1] + first.shape.dropFirst()))
      }
    }
    return encoded.map { Encoding(prompt: $0, negative: negative) }
  }
}
