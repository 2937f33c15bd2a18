import Foundation
import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// A folder of reference data made by a script under tools/goldens; `script` in its
/// `made_with.json` names it.
///
/// It holds `weights.safetensors` (float16), `cases.safetensors` (float32 inputs and outputs named
/// `<case>.<tensor>`), `made_with.json`, and for whole models `config.json`. Missing data is an
/// error, never a skip.
struct GoldenFolder: Sendable {
  /// Where the folder is.
  let path: String
  private let cases: SafetensorsFile

  /// Opens `Tests/GoldenTests/Goldens/<name>`.
  ///
  /// - Parameter name: The folder's name.
  /// - Throws: `WeightError` when its cases are missing or damaged.
  init(_ name: String) throws {
    path = Self.root.appendingPathComponent(name).path
    cases = try SafetensorsFile(path: path + "/cases.safetensors")
  }

  /// `Tests/GoldenTests/Goldens`, found from this file.
  static var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")
  }

  /// Opens the weights.
  func weights() throws -> SafetensorsFile {
    try SafetensorsFile(path: path + "/weights.safetensors")
  }

  /// Reads the configuration.
  func config() throws -> JSONValue { try json("config.json") }

  /// Reads a JSON file of the folder.
  func json(_ name: String) throws -> JSONValue {
    try JSONValue.parse(String(contentsOfFile: path + "/" + name, encoding: .utf8))
  }

  /// Whether there is a tensor of that name.
  func has(_ name: String) -> Bool { cases.entry(name) != nil }

  /// The names of all tensors, sorted.
  var names: [String] { cases.keys }

  /// Reads one tensor.
  ///
  /// - Parameter name: `<case>.<tensor>`.
  /// - Returns: The tensor, row-major.
  /// - Throws: `WeightError` when there is none of that name.
  func callAsFunction(_ name: String) throws -> Tensor {
    Tensor(try cases.tensor(name))
  }

  /// Reads `<prefix>.0`, `<prefix>.1`, … as long as there are such tensors.
  func list(_ prefix: String) throws -> [Tensor] {
    var tensors: [Tensor] = []
    while has("\(prefix).\(tensors.count)") {
      tensors.append(try self("\(prefix).\(tensors.count)"))
    }
    return tensors
  }
}
