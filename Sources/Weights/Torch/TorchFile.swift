import ResgraphFiles
import Synchronization
public import TensorRuntime

/// A file written by `torch.save` (`.bin`, `.pt`, `.ckpt`), read without executing anything.
///
/// Names of nested dictionaries are joined with dots, and a checkpoint inside `state_dict` is taken
/// out of it. A file may hold objects of unknown classes; only reading a tensor that depends on one
/// is an error. The checksum of a storage is verified when a tensor of it is first read.
public struct TorchFile: WeightSource {
  /// The names of all tensors, sorted.
  public let keys: [String]
  /// Numbers, texts and flags of the outer dictionaries, such as `global_step`.
  public let scalars: [String: JSONValue]
  private let file: FileBytes
  private let tensors: [String: PickleTensor]
  /// The names of objects of unknown classes, with their classes.
  private let opaque: [String: String]
  private let storages: [String: ZipArchive.Entry]
  private let isBigEndian: Bool
  private let verified = VerifiedEntries()

  /// The path of the file.
  public var location: String { file.path }

  /// Opens a file.
  ///
  /// Its table of contents and its pickle are read, but no tensor.
  ///
  /// - Parameter path: A regular file or a link to one.
  /// - Throws: `WeightError` when it is missing, malformed or in a form that is not read.
  public init(path: String) throws {
    try self.init(FileBytes(path: path))
  }

  /// Opens a file held in memory.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - name: What messages call it.
  /// - Throws: `WeightError` when it is malformed or in a form that is not read.
  public init(bytes: [UInt8], name: String = "torch file in memory") throws {
    try self.init(FileBytes(bytes, name: name))
  }

  init(_ file: FileBytes) throws(WeightError) {
    try file.checkIsData()
    if let reason = unsupportedTorchForm(file.bytes) {
      throw .unsupportedFormat(path: file.path, reason: reason)
    }
    let contents = try TorchContents(file)
    self.file = file
    storages = contents.storages
    isBigEndian = contents.isBigEndian
    var flattener = PickleFlattener(document: contents.document)
    do throws(PickleFault) {
      try flattener.run()
    } catch {
      throw .malformed(path: file.path, format: "torch", reason: error.reason)
    }
    tensors = flattener.tensors
    opaque = flattener.opaque
    scalars = flattener.scalars
    keys = tensors.keys.sorted()
    try checkStorages()
  }

  /// Checks that every storage exists and is long enough, so that reading a tensor stays inside its
  /// entry.
  private func checkStorages() throws(WeightError) {
    for (key, tensor) in tensors {
      let storage = tensor.storage
      guard let entry = storages[storage.key] else {
        throw .malformed(
          path: file.path, format: "torch",
          reason: "tensor '\(key)': its storage '\(storage.key)' is missing")
      }
      guard storage.count * storage.dtype.byteCount <= entry.range.count else {
        throw .malformed(
          path: file.path, format: "torch",
          reason: "tensor '\(key)': its storage has \(entry.range.count) bytes, "
            + "\(storage.count) elements need \(storage.count * storage.dtype.byteCount)")
      }
    }
  }

  /// The type and shape of a tensor, or nil.
  public func entry(_ key: String) -> WeightEntry? {
    tensors[key].map { WeightEntry(dtype: $0.storage.dtype, shape: $0.shape) }
  }

  /// The tensor, or a `WeightError` saying why not.
  ///
  /// Contiguous tensors are views of the mapped file; others are copied into row-major order.
  public func tensor(_ key: String) throws -> RawTensor {
    guard let tensor = tensors[key] else { throw absent(key) }
    try file.checkUnchanged()
    let bytes = try storageBytes(tensor.storage)
    if tensor.isContiguous && !(isBigEndian && tensor.storage.dtype.byteCount > 1) {
      return contiguousView(tensor, of: bytes)
    }
    return try materialized(tensor, key: key, from: bytes)
  }

  /// The SHA-256 of the content.
  public var digest: String {
    get throws {
      try file.digest
    }
  }

  private func absent(_ key: String) -> WeightError {
    var name = key[...]
    while true {
      if let foreign = opaque[String(name)] {
        return .unsupportedTensor(
          source: location, key: key,
          reason: "depends on an object of '\(foreign)', which is not read")
      }
      guard let dot = name.lastIndex(of: ".") else { return missing(key) }
      name = name[..<dot]
    }
  }

  private func storageBytes(_ storage: PickleStorage) throws(WeightError) -> UnsafeRawBufferPointer
  {
    guard let entry = storages[storage.key] else { throw missing(storage.key) }
    let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
    if !verified.contains(entry.name) {
      guard CRC32.checksum(bytes) == entry.crc else {
        throw .malformed(
          path: file.path, format: "torch",
          reason: "entry '\(entry.name)' is damaged: its checksum does not match")
      }
      verified.insert(entry.name)
    }
    return bytes
  }

  private func contiguousView(_ tensor: PickleTensor, of bytes: UnsafeRawBufferPointer) -> RawTensor
  {
    let size = tensor.storage.dtype.byteCount
    let count = tensor.shape.reduce(1, *) * size
    let start = count == 0 ? 0 : tensor.offset * size
    return RawTensor(
      dtype: tensor.storage.dtype, shape: tensor.shape,
      bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + count)]), owner: file)
  }

  private func materialized(
    _ tensor: PickleTensor, key: String, from bytes: UnsafeRawBufferPointer
  ) throws(WeightError) -> RawTensor {
    let count = tensor.shape.reduce(1, *)
    // An expanded tensor repeats stored elements, and may be of any size. Tensors of models have
    // about as many elements as their storage.
    guard count <= max(tensor.storage.count, 1 << 20) else {
      throw .unsupportedTensor(
        source: location, key: key,
        reason: "repeats \(tensor.storage.count) stored elements to a shape of \(tensor.shape)")
    }
    let size = tensor.storage.dtype.byteCount
    let owner = OwnedBytes(byteCount: count * size)
    let output = UnsafeMutableRawBufferPointer(rebasing: owner.bytes[0..<(count * size)])
    gather(tensor, from: bytes, into: output)
    if isBigEndian { swapBytes(output, elementSize: size) }
    return RawTensor(
      dtype: tensor.storage.dtype, shape: tensor.shape, bytes: UnsafeRawBufferPointer(output),
      owner: owner)
  }
}

/// Copies a strided view into row-major order.
private func gather(
  _ tensor: PickleTensor, from bytes: UnsafeRawBufferPointer,
  into output: UnsafeMutableRawBufferPointer
) {
  let size = tensor.storage.dtype.byteCount
  let shape = tensor.shape
  var index = [Int](repeating: 0, count: shape.count)
  var source = tensor.offset
  for target in stride(from: 0, to: output.count, by: size) {
    output.baseAddress?.advanced(by: target).copyMemory(
      from: bytes.baseAddress.unsafelyUnwrapped + source * size, byteCount: size)
    var axis = shape.count - 1
    while axis >= 0 {
      index[axis] += 1
      // A dimension of size 1 may have any stride: it is subtracted again, even when the sum wraps.
      source &+= tensor.strides[axis]
      if index[axis] < shape[axis] { break }
      source &-= tensor.strides[axis] &* shape[axis]
      index[axis] = 0
      axis -= 1
    }
  }
}

/// Reverses the bytes of every element.
private func swapBytes(_ bytes: UnsafeMutableRawBufferPointer, elementSize: Int) {
  for start in stride(from: 0, to: bytes.count, by: elementSize) {
    for offset in 0..<(elementSize / 2) {
      bytes.swapAt(start + offset, start + elementSize - 1 - offset)
    }
  }
}

/// The names of the entries whose checksum has been verified.
private final class VerifiedEntries: Sendable {
  private let names = Mutex<Set<String>>([])

  func contains(_ name: String) -> Bool { names.withLock { $0.contains(name) } }
  func insert(_ name: String) { names.withLock { _ = $0.insert(name) } }
}
