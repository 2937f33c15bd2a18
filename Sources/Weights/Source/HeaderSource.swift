import ResgraphFiles
import TensorRuntime

/// The names and shapes of a source, with zeros for values: a model built from it shows whether the
/// source fits, and nothing of the weights is read.
package struct HeaderSource: WeightSource {
  private let base: any WeightSource

  /// Takes the names and shapes.
  ///
  /// - Parameter base: The source.
  package init(_ base: any WeightSource) { self.base = base }

  package var keys: [String] { base.keys }
  package var location: String { base.location }
  package var unreadable: [String: String] { base.unreadable }
  package var digest: String { get throws { try base.digest } }

  package func entry(_ key: String) -> WeightEntry? { base.entry(key) }

  package func tensor(_ key: String) throws -> RawTensor {
    // What is no tensor is reported by the source, which knows why.
    guard let entry = base.entry(key) else { return try base.tensor(key) }
    return RawTensor(shape: entry.shape) { $0.update(repeating: 0, count: entry.count) }
  }
}
