import DiffusionModels
import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// A port value that can be written to files which other programs open.
protocol WritableValue: PortValue {
  /// The ending of its files, without the dot.
  static var fileEnding: String { get }

  /// The bytes of its files: one for each picture of a batch, one for everything else.
  ///
  /// - Parameters:
  ///   - name: The output's name, which tensors inside a file are called by.
  ///   - record: The text that a PNG file carries about its making; nil for none.
  /// - Returns: The files in order.
  /// - Throws: `ImageError` when a picture cannot be encoded.
  func files(name: String, record: String?) throws -> [[UInt8]]
}

/// The port types that can be written.
enum WritableTypes {
  static let all: [any WritableValue.Type] = [
    ImageValue.self, MaskValue.self, LatentValue.self, NoiseValue.self, ConditioningValue.self,
    String.self, Int.self, Double.self, Bool.self, InputPath.self,
  ]

  /// The endings of their files, by the names of the port types.
  static let endings = Dictionary(
    all.map { ($0.typeName, $0.fileEnding) }, uniquingKeysWith: { first, _ in first })
}

// MARK: Pictures

/// Pictures and masks: PNG, one file for each of a batch.
protocol WritablePicture: WritableValue, TensorValue, ValueInFiles {}

extension WritablePicture {
  static var fileEnding: String { "png" }
  var fileCount: Int { shape[0] }

  func files(name: String, record: String?) throws -> [[UInt8]] {
    try PixelImage.pictures(tensor).map { try PNGEncoding.encode($0, text: record) }
  }
}

extension ImageValue: WritablePicture {}
extension MaskValue: WritablePicture {}

// MARK: Tensors

/// Values that are tensors to other programs: safetensors, float32.
protocol WritableTensors: WritableValue {
  /// The tensors, each with what its name has after the output's name.
  var namedTensors: [(suffix: String, tensor: Tensor)] { get }
}

extension WritableTensors {
  static var fileEnding: String { "safetensors" }

  func files(name: String, record: String?) throws -> [[UInt8]] {
    [StoredTensors.encode(namedTensors.map { (name + $0.suffix, $0.tensor) })]
  }
}

extension LatentValue: WritableTensors {
  var namedTensors: [(suffix: String, tensor: Tensor)] { [("", tensor)] }
}

extension NoiseValue: WritableTensors {
  var namedTensors: [(suffix: String, tensor: Tensor)] { [("", tensor)] }
}

extension ConditioningValue: WritableTensors {
  var namedTensors: [(suffix: String, tensor: Tensor)] {
    [(".embeddings", prompt.embeddings)] + (prompt.pooled.map { [(".pooled", $0)] } ?? [])
  }
}

// MARK: Plain values

/// Numbers and texts: a line of text.
protocol WritableText: WritableValue, ScalarPortValue {}

extension WritableText {
  static var fileEnding: String { "txt" }

  func files(name: String, record: String?) throws -> [[UInt8]] {
    [Array((literal.plainText + "\n").utf8)]
  }
}

extension Literal {
  /// The value as text; a string stands without quotes.
  var plainText: String { if case .string(let text) = self { text } else { description } }
}

extension String: WritableText {}
extension Int: WritableText {}
extension Double: WritableText {}
extension Bool: WritableText {}
extension InputPath: WritableText {}
