import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import Testing

/// Puts a tiny checkpoint together as one file with the original names, by a plan that
/// tools/goldens/ldm_names.py wrote and diffusers' own converters confirmed.
struct SingleFile {
  private let folder: String
  private let rows: SafetensorsFile

  init(_ folder: String) throws {
    self.folder = folder
    rows = try SafetensorsFile(path: folder + "/single_rows.safetensors")
  }

  /// Writes the file, with tensors changed as wanted.
  func write(
    to path: String, as dtype: DType = .float16,
    change: (inout [String: RawTensor]) throws -> Void = { _ in }
  ) throws {
    let plan = try #require(try JSONValue.read(path: folder + "/single_file.json").objectValue)
    let layout = try CheckpointLayout.open(path: folder + "/model")
    var tensors: [String: RawTensor] = [:]
    for (name, entry) in plan {
      let component = try #require(entry.string("part").flatMap(Component.init))
      let source = try layout.source(component)
      let parts = try #require(entry.strings("keys")).map { try source.tensor($0) }
      tensors[name] = try made(parts, component, entry.string("op"))
    }
    try change(&tensors)
    try SafetensorsWriter.write(tensors, to: path, as: dtype)
  }

  private func made(
    _ parts: [RawTensor], _ component: Component, _ operation: String?
  ) throws -> RawTensor {
    let first = parts[0]
    switch operation {
    case "copy": return first
    case "stack":
      let shape = [parts.count * first.shape[0]] + first.shape.dropFirst()
      return RawTensor(parts.flatMap { $0.floats() }, shape: shape)
    case "transpose":
      let (rows, columns) = (first.shape[0], first.shape[1])
      let values = first.floats()
      let turned = (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
      return RawTensor(turned, shape: [columns, rows])
    case "conv": return RawTensor(first.floats(), shape: first.shape + [1, 1])
    case "embedding": return try embedding(component, width: first.shape[1])
    default: throw UnknownOperation(name: operation)
    }
  }

  private struct UnknownOperation: Error { let name: String? }

  /// CLIP's whole vocabulary, zero but for the tokens that the goldens use.
  private func embedding(_ component: Component, width: Int) throws -> RawTensor {
    let ids = try rows.tensor("\(component.rawValue).ids").floats().map { Int($0) }
    let values = try rows.tensor("\(component.rawValue).rows").floats()
    var whole = [Float](repeating: 0, count: 49_408 * width)
    for (row, id) in ids.enumerated() {
      whole.replaceSubrange(
        id * width..<(id + 1) * width, with: values[row * width..<(row + 1) * width])
    }
    return RawTensor(whole, shape: [49_408, width])
  }
}
