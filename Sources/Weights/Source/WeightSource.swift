import ResgraphFiles
public import TensorRuntime

/// The type and shape of a tensor, from a header.
public struct WeightEntry: Sendable, Equatable {
  /// The element type as stored.
  public let dtype: DType
  /// The sizes, outermost first; empty for a single value.
  public let shape: [Int]
  /// How many elements the tensor has.
  public var count: Int { shape.reduce(1, *) }

  /// Describes a tensor.
  ///
  /// - Parameters:
  ///   - dtype: The element type.
  ///   - shape: The sizes, outermost first.
  public init(dtype: DType, shape: [Int]) {
    self.dtype = dtype
    self.shape = shape
  }
}

/// A readable set of named tensors.
///
/// Only headers are read until `tensor(_:)` is called.
public protocol WeightSource: Sendable {
  /// The names of all tensors, sorted.
  var keys: [String] { get }
  /// The name of this source in messages: a path, or a description of overlays.
  var location: String { get }
  /// The type and shape of a tensor; nil when there is none of that name.
  func entry(_ key: String) -> WeightEntry?
  /// Reads a tensor, merged with the overlays of this source.
  ///
  /// - Throws: `WeightError` naming the source and the key.
  func tensor(_ key: String) throws -> RawTensor
  /// The SHA-256 identity of the content in hexadecimal: base files, overlays and their scales.
  var digest: String { get throws }
  /// The element types of tensors that are there but cannot be read, by name; `keys` leaves them
  /// out.
  var unreadable: [String: String] { get }
}

extension WeightSource {
  /// A name for sources that come from no file.
  public var location: String { "weights" }
  /// A source can read all of its tensors unless it says otherwise.
  public var unreadable: [String: String] { [:] }

  /// Checks from headers that every tensor can be read.
  ///
  /// - Throws: `WeightError.unsupportedTensor` naming the first one that cannot.
  public func checkReadable() throws(WeightError) { try checkReadable { _ in true } }

  /// Checks from headers that the tensors a model needs can be read.
  func checkReadable(_ isNeeded: (String) -> Bool) throws(WeightError) {
    guard let first = unreadable.filter({ isNeeded($0.key) }).min(by: { $0.key < $1.key }) else {
      return
    }
    throw .unsupportedTensor(
      source: location, key: first.key, reason: "element type \(first.value) is not read")
  }

  /// Makes the error for a key that this source lacks, with the most similar key that it has.
  func missing(_ key: String) -> WeightError {
    .missingTensor(source: location, key: key, nearest: nearestName(to: key, among: keys))
  }
}

/// Tensors in memory, for tests and for values that come from no file.
public struct MemorySource: WeightSource {
  private let tensors: [String: RawTensor]
  /// The names, sorted.
  public let keys: [String]
  /// The name of this source in messages.
  public let location: String

  /// Makes a source of named tensors.
  ///
  /// - Parameters:
  ///   - tensors: The tensors by name.
  ///   - location: The name of this source in messages.
  public init(_ tensors: [String: RawTensor], location: String = "memory") {
    self.tensors = tensors
    self.location = location
    keys = tensors.keys.sorted()
  }

  /// The type and shape of a tensor, or nil.
  public func entry(_ key: String) -> WeightEntry? {
    tensors[key].map { WeightEntry(dtype: $0.dtype, shape: $0.shape) }
  }

  /// The tensor, or a `WeightError` saying why not.
  public func tensor(_ key: String) throws -> RawTensor {
    guard let tensor = tensors[key] else { throw missing(key) }
    return tensor
  }

  /// The SHA-256 of the content.
  public var digest: String {
    get throws {
      Digest.fields(
        keys.flatMap { key -> [String] in
          guard let tensor = tensors[key] else { return [] }
          let content = tensor.withUnsafeBytes { Digest.bytes($0) }
          return [key, tensor.dtype.rawValue, "\(tensor.shape)", content]
        })
    }
  }
}
