import ResgraphFiles
import TensorRuntime

/// The change of form that a `RenamedSource` makes to a tensor.
enum WeightTransform: Sendable, Equatable {
  /// No change.
  case identity
  /// Drops dimensions of size 1 at the end: [C, C, 1, 1] becomes [C, C].
  case matrix
  /// Takes a range of the first dimension.
  case rows(Range<Int>)
  /// Transposes a matrix.
  case transposed
}

/// The tensor behind a new name, and the change of form.
struct WeightOrigin: Sendable {
  let key: String
  var transform = WeightTransform.identity
}

/// A source whose tensors have other names and forms.
///
/// Checkpoints with the original names are read through it.
struct RenamedSource: WeightSource {
  let base: any WeightSource
  let origins: [String: WeightOrigin]
  let keys: [String]

  init(base: any WeightSource, origins: [String: WeightOrigin]) {
    self.base = base
    self.origins = origins
    keys = origins.keys.sorted()
  }

  var location: String { base.location }
  var unreadable: [String: String] { base.unreadable }

  func entry(_ key: String) -> WeightEntry? {
    guard let origin = origins[key], let entry = base.entry(origin.key) else { return nil }
    return WeightEntry(dtype: entry.dtype, shape: origin.transform.shape(of: entry.shape))
  }

  func tensor(_ key: String) throws -> RawTensor {
    guard let origin = origins[key] else { throw missing(key) }
    return try origin.transform.apply(base.tensor(origin.key))
  }

  var digest: String {
    get throws {
      let names = keys.flatMap { key -> [String] in
        origins[key].map { [key, $0.key, "\($0.transform)"] } ?? []
      }
      return try Digest.fields(["renamed", base.digest] + names)
    }
  }
}

extension WeightTransform {
  func shape(of shape: [Int]) -> [Int] {
    switch self {
    case .identity: shape
    case .matrix: shape.count == 4 && shape[2] == 1 && shape[3] == 1 ? Array(shape[..<2]) : shape
    case .rows(let rows): [rows.count] + shape.dropFirst()
    case .transposed: shape.reversed()
    }
  }

  func apply(_ tensor: RawTensor) -> RawTensor {
    let newShape = shape(of: tensor.shape)
    switch self {
    case .identity: return tensor
    case .matrix: return tensor.reshaped(newShape)
    case .rows(let rows):
      let rowBytes = tensor.byteCount / max(tensor.shape[0], 1)
      return tensor.withUnsafeBytes { bytes in
        let range = (rows.lowerBound * rowBytes)..<(rows.upperBound * rowBytes)
        return RawTensor(
          dtype: tensor.dtype, shape: newShape,
          bytes: UnsafeRawBufferPointer(rebasing: bytes[range]),
          owner: TensorOwner(tensor))
      }
    case .transposed: return transpose(tensor)
    }
  }
}

/// Keeps the memory of a tensor alive for a view of a part of it.
private final class TensorOwner: Sendable {
  let tensor: RawTensor

  init(_ tensor: RawTensor) { self.tensor = tensor }
}

private func transpose(_ tensor: RawTensor) -> RawTensor {
  guard tensor.shape.count == 2 else { return tensor }
  let (rows, columns) = (tensor.shape[0], tensor.shape[1])
  let values = tensor.floats()
  var output = [Float](repeating: 0, count: values.count)
  for row in 0..<rows {
    for column in 0..<columns { output[column * rows + row] = values[row * columns + column] }
  }
  return RawTensor(output, shape: [columns, rows])
}
