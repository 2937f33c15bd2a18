import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// The results of a finished run.
public struct RunResult: Sendable {
  /// The outputs that were made, in the order of the graph.
  public let outputs: [RunOutput]
  /// How long the run took.
  public let seconds: Double

  init(_ summary: RunSummary, of graph: ValidatedGraph) {
    outputs = zip(graph.outputs, summary.outputs).map { output, written in
      RunOutput(
        name: output.name, typeName: output.typeName, paths: written.paths,
        value: written.paths.isEmpty ? summary.values[output.node]?[output.port] : nil)
    }
    seconds = summary.seconds
  }

  /// Finds an output.
  ///
  /// - Parameter name: Its name in the graph; an output of a node that was asked for as a target,
  ///   and that the graph does not declare, is called `NODE.PORT`.
  /// - Returns: The output, nil when the run made none of that name.
  public subscript(name: String) -> RunOutput? { outputs.first { $0.name == name } }
}

/// An output of a run: the files that were written, or the value when nothing was written.
public struct RunOutput: Sendable {
  /// Its name in the graph.
  public let name: String
  /// Its port type, such as `Image` or `Latent`.
  public let typeName: String
  /// The files written: one for each picture of a batch; none when the value is handed back.
  public let paths: [String]
  let value: (any PortValue)?

  /// The pictures of an `Image` or a `Mask`, one for each of a batch, as 8-bit pixels; empty for
  /// other types and for outputs that were written.
  public var pictures: [Picture] {
    guard let value = value as? any WritablePicture else { return [] }
    return PixelImage.pictures(value.tensor).map(Picture.init)
  }

  /// The numbers of an output, by name; empty for plain values and for outputs that were written.
  ///
  /// - `Image`: `image`, [B, 3, H, W] in 0...1. `Mask`: `mask`, [B, 1, H, W] in 0...1.
  /// - `Latent`: `latent`, [B, C, H/8, W/8], scaled as the denoiser sees it. `Noise`: `noise`, the
  ///   same shape.
  /// - `Conditioning`: `embeddings`, [B, L, D], and for models that have one `pooled`, [B, P].
  public var arrays: [String: FloatArray] {
    switch value {
    case let value as ConditioningValue:
      let tensors = value.namedTensors.map {
        (String($0.suffix.dropFirst()), FloatArray($0.tensor))
      }
      return Dictionary(tensors, uniquingKeysWith: { first, _ in first })
    case let value as any TensorValue: return [typeName.lowercased(): FloatArray(value.tensor)]
    default: return [:]
    }
  }

  /// A number, a text or a path as text; nil for other types and for outputs that were written.
  public var text: String? { (value as? any ScalarPortValue)?.literal.plainText }
}

/// An 8-bit picture.
public struct Picture: Sendable, Hashable {
  /// Pixels in a row.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Values of a pixel: 3 for red, green and blue, 1 for grey.
  public let channels: Int
  /// `height * width * channels` values: rows from the top, the values of a pixel side by side.
  public let pixels: [UInt8]

  init(_ image: PixelImage) {
    width = image.width
    height = image.height
    channels = image.channels
    pixels = image.bytes
  }
}

/// Numbers with a shape.
public struct FloatArray: Sendable, Hashable {
  /// The dimensions, the slowest first.
  public let shape: [Int]
  /// The numbers, the last dimension's side by side.
  public let values: [Float]

  init(_ tensor: Tensor) {
    shape = tensor.shape
    values = tensor.floats()
  }
}
