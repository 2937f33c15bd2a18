import DiffusionModels
import Foundation
public import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// Writes the outputs of a graph as files that other programs open.
///
/// Pictures and masks become PNG files, latents, noise and conditionings safetensors, plain values
/// text. Every file is written to a temporary name, synced and renamed.
public struct OutputWriter: Sendable {
  /// The folder that relative names start from; made when it is missing.
  public let folder: String
  /// The text that PNG files carry; nil for none.
  public let metadata: String?

  /// Prepares to write.
  ///
  /// - Parameters:
  ///   - folder: The folder that relative names start from.
  ///   - metadata: The text that PNG files carry under `PNGMetadata.keyword`; nil for none.
  public init(folder: String, metadata: String? = nil) {
    self.folder = folder
    self.metadata = metadata
  }

  /// The port types that can be written.
  public static let writableTypes = [
    "Image", "Mask", "Latent", "Noise", "Conditioning", "String", "Int", "Float", "Bool", "Path",
  ]

  /// The ending of the files that a port type is written to; nil where it cannot be written.
  ///
  /// - Parameter typeName: The port type.
  /// - Returns: The ending without its dot.
  public static func fileEnding(of typeName: String) -> String? {
    switch typeName {
    case "Image", "Mask": "png"
    case "Latent", "Noise", "Conditioning": "safetensors"
    case "String", "Int", "Float", "Bool", "Path": "txt"
    default: nil
    }
  }

  /// Where an output is written; the pictures of a batch have their numbers appended.
  ///
  /// - Parameters:
  ///   - output: The output.
  ///   - folder: The folder that relative names start from.
  ///   - params: The graph's parameters, which its file name may have.
  /// - Returns: The file.
  public static func path(
    of output: ValidatedGraph.ResolvedOutput, in folder: String, params: [String: Literal]
  ) -> String {
    let ending = fileEnding(of: output.typeName) ?? "?"
    return joinPath(
      folder, output.pattern?.expanded(params: params) ?? "\(output.name).\(ending)")
  }

  /// Writes one output.
  ///
  /// - Parameters:
  ///   - value: The value.
  ///   - name: The output's name: it names the file, and the tensors inside a safetensors file.
  ///   - fileName: The file to write for a number in a batch; nil for the name with the type's
  ///     ending. Where it gives all pictures of a batch one name, their numbers are appended.
  /// - Returns: The paths written, in order: several for a batch of pictures.
  /// - Throws: `NodeError` for a type that has no file form, `FileError` when writing fails.
  public func write(
    _ value: any PortValue, name: String, fileName: ((_ index: Int) -> String)? = nil
  ) throws -> [String] {
    let typeName = type(of: value).typeName
    guard let ending = Self.fileEnding(of: typeName) else {
      throw NodeError(
        "a \(typeName) cannot be written to a file", port: name,
        expected: "one of " + Self.writableTypes.joined(separator: ", "), status: .invalid)
    }
    let file = { index in joinPath(folder, fileName?(index) ?? "\(name).\(ending)") }
    let path = file(0)
    switch value {
    case let image as ImageValue: return try writePictures(image.tensor, to: file)
    case let mask as MaskValue: return try writePictures(mask.tensor, to: file)
    case let value as any TensorValue: return try writeTensors([(name, value.tensor)], to: path)
    case let conditioning as ConditioningValue:
      var tensors = [("\(name).embeddings", conditioning.prompt.embeddings)]
      if let pooled = conditioning.prompt.pooled { tensors.append(("\(name).pooled", pooled)) }
      return try writeTensors(tensors, to: path)
    case let scalar as any ScalarPortValue: return try writeText(scalar.literal, to: path)
    default: preconditionFailure("\(typeName) has a file ending but no writer")
    }
  }

  private func writePictures(_ tensor: Tensor, to file: (Int) -> String) throws -> [String] {
    let pictures = PixelImage.pictures(tensor)
    let needsNumbers = pictures.count > 1 && file(0) == file(1)
    return try pictures.enumerated().map { index, picture in
      let target = needsNumbers ? Self.numbered(file(index), index) : file(index)
      try write(try PNGEncoding.encode(picture, text: metadata), to: target)
      return target
    }
  }

  /// `folder/name.png` becomes `folder/name-3.png`.
  static func numbered(_ path: String, _ index: Int) -> String {
    let url = URL(filePath: path)
    let ending = url.pathExtension
    let stem = ending.isEmpty ? path : String(path.dropLast(ending.count + 1))
    return ending.isEmpty ? "\(stem)-\(index)" : "\(stem)-\(index).\(ending)"
  }

  private func writeTensors(_ tensors: [(String, Tensor)], to path: String) throws -> [String] {
    try write(StoredTensors.encode(tensors), to: path)
    return [path]
  }

  private func writeText(_ literal: Literal, to path: String) throws -> [String] {
    var text = literal.description
    if case .string(let plain) = literal { text = plain }
    try write(Array((text + "\n").utf8), to: path)
    return [path]
  }

  private func write(_ bytes: [UInt8], to path: String) throws {
    try GraphRuntime.AtomicFile.write(bytes, to: path)
  }
}
