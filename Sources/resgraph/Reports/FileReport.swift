import Resgraph
import ResgraphFiles
import ResgraphPictures
import ResgraphWeights

/// The report of `resgraph inspect` about a weight file, model folder or picture.
struct FileReport: Sendable {
  /// The report for people.
  let lines: [String]
  /// The report for machines.
  let json: String

  /// Looks at a file or folder; of weights only headers are read.
  ///
  /// - Parameter path: A weight file, a model's folder, or a picture.
  /// - Throws: `WeightError` or `ImageError` when it cannot be read.
  init(path: String) throws {
    if PNGMetadata.isPNG(path: path) {
      (lines, json) = try Self.picture(path)
    } else {
      let description = try WeightDescription(path: path)
      lines = Self.lines(description)
      json = description.json.canonicalText()
    }
  }

  private static func picture(_ path: String) throws -> ([String], String) {
    let size = try ImageFile.size(path: path)
    let graph = try PNGMetadata.read(path: path)
    let lines = [
      "\(path): PNG, \(size.width)x\(size.height)",
      graph ?? "carries no graph of this engine",
    ]
    let json: JSONValue = [
      "path": .string(path), "kind": "picture", "format": "png", "width": .integer(size.width),
      "height": .integer(size.height),
      "graph": graph.flatMap { try? JSONValue.parse($0) } ?? .null,
    ]
    return (lines, json.canonicalText())
  }

  private static func lines(_ found: WeightDescription) -> [String] {
    let family = found.family.map { ", \($0.rawValue)" } ?? ""
    var lines = ["\(found.path): \(found.kind.rawValue)\(family) (\(found.format))"]
    let types = found.elementTypes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    lines.append(
      "tensors: \(found.tensorCount) (\(types.joined(separator: ", "))), "
        + "\(found.parameterCount) parameters")
    if let adapter = found.adapter {
      let parts = adapter.components.map(\.rawValue).joined(separator: ", ")
      lines.append(
        "LoRA: \(adapter.moduleCount) modules of \(parts), keys in \(adapter.dialect) spelling")
      let ranks = adapter.ranks.map { String($0) }.joined(separator: ", ")
      let alphas = adapter.alphas.map { String($0) }.joined(separator: ", ")
      lines.append("ranks: \(ranks); alphas: \(alphas.isEmpty ? "as the ranks" : alphas)")
      if !adapter.unsupportedKinds.isEmpty {
        lines.append("not supported: " + adapter.unsupportedKinds.joined(separator: ", "))
      }
    }
    if let range = found.range {
      lines.append(
        "made for sides of \(range.sides.lowerBound) to \(range.sides.upperBound) pixels, width by "
          + "height from \(range.aspects.lowerBound) to \(range.aspects.upperBound)")
    }
    lines += found.metadata.sorted { $0.key < $1.key }.map { "metadata \($0.key): \($0.value)" }
    return lines
  }
}
