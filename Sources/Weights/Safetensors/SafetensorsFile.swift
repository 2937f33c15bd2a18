public import TensorRuntime

/// A safetensors file, which is mapped into memory and whose header has been read.
///
/// Every rule of the format is enforced when the file is opened; tensors of element types that are
/// not read (8-bit floats and the like) are refused only when they are asked for.
public struct SafetensorsFile: WeightSource {
  /// The `__metadata__` texts of the header.
  public let metadata: [String: String]
  /// The names of the readable tensors, sorted.
  public let keys: [String]
  /// The names and element types of tensors that cannot be read.
  public let unreadable: [String: String]
  private let file: FileBytes
  private let records: [String: SafetensorsHeader.Record]

  /// The path of the file.
  public var location: String { file.path }

  /// Opens a file.
  ///
  /// - Parameter path: A regular file or a link to one.
  /// - Throws: `WeightError` when it is missing, no regular file, a Git LFS pointer or malformed.
  public init(path: String) throws {
    try self.init(FileBytes(path: path))
  }

  /// Opens a file held in memory.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - name: What messages call it.
  /// - Throws: `WeightError` when it is malformed.
  public init(bytes: [UInt8], name: String = "safetensors in memory") throws {
    try self.init(FileBytes(bytes, name: name))
  }

  init(_ file: FileBytes) throws(WeightError) {
    try file.checkIsData()
    let header: SafetensorsHeader
    do throws(SafetensorsFault) {
      header = try SafetensorsHeader(file.bytes)
    } catch {
      throw .malformed(path: file.path, format: "safetensors", reason: error.reason)
    }
    self.file = file
    records = header.records
    metadata = header.metadata
    keys = header.records.filter { $0.value.dtype != nil }.keys.sorted()
    unreadable = header.records.filter { $0.value.dtype == nil }.mapValues(\.dtypeName)
  }

  /// The type and shape of a tensor, or nil.
  public func entry(_ key: String) -> WeightEntry? {
    guard let record = records[key], let dtype = record.dtype else { return nil }
    return WeightEntry(dtype: dtype, shape: record.shape)
  }

  /// The tensor, or a `WeightError` saying why not.
  public func tensor(_ key: String) throws -> RawTensor {
    guard let record = records[key] else { throw missing(key) }
    guard let dtype = record.dtype else {
      throw WeightError.unsupportedTensor(
        source: location, key: key, reason: "element type \(record.dtypeName) is not read")
    }
    try file.checkUnchanged()
    let range = record.offset..<(record.offset + record.byteCount)
    return RawTensor(
      dtype: dtype, shape: record.shape, bytes: UnsafeRawBufferPointer(rebasing: file.bytes[range]),
      owner: file)
  }

  /// The SHA-256 of the content.
  public var digest: String {
    get throws {
      try file.digest
    }
  }
}
