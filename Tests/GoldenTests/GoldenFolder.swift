import Foundation
import ResgraphWeights
import TensorRuntime

/// A folder of reference data made by a script under tools/goldens.
///
/// It holds `weights.safetensors` (float16), `cases.safetensors` (float32 inputs and outputs named
/// `<case>.<tensor>`), `made_with.json`, and for whole models `config.json`. Missing data is an
/// error, never a skip.
public struct GoldenFolder: Sendable {
  /// Where the folder is.
  public let path: String
  private let cases: SafetensorsFile

  /// Opens `Tests/GoldenTests/Goldens/<name>`.
  ///
  /// - Parameter name: The folder's name.
  /// - Throws: `WeightError` when its cases are missing or damaged.
  public init(_ name: String) throws {
    path = Self.root.appendingPathComponent(name).path
    cases = try SafetensorsFile(path: path + "/cases.safetensors")
  }

  /// `Tests/GoldenTests/Goldens`, found from this file.
  public static var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("GoldenTests/Goldens")
  }

  /// Opens the weights.
  public func weights() throws -> SafetensorsFile {
    try SafetensorsFile(path: path + "/weights.safetensors")
  }

  /// Reads the configuration.
  public func config() throws -> JSONValue { try json("config.json") }

  /// Reads a JSON file of the folder.
  public func json(_ name: String) throws -> JSONValue {
    try JSONValue.parse(String(contentsOfFile: path + "/" + name, encoding: .utf8))
  }

  /// Whether there is a tensor of that name.
  public func has(_ name: String) -> Bool { cases.entry(name) != nil }

  /// The names of all tensors, sorted.
  public var names: [String] { cases.keys }

  /// Reads one tensor.
  ///
  /// - Parameter name: `<case>.<tensor>`.
  /// - Returns: The tensor, row-major.
  /// - Throws: `WeightError` when there is none of that name.
  public func callAsFunction(_ name: String) throws -> Tensor {
    Tensor(try cases.tensor(name))
  }

  /// Reads `<prefix>.0`, `<prefix>.1`, … as long as there are such tensors.
  public func list(_ prefix: String) throws -> [Tensor] {
    var tensors: [Tensor] = []
    while has("\(prefix).\(tensors.count)") {
      tensors.append(try self("\(prefix).\(tensors.count)"))
    }
    return tensors
  }
}
