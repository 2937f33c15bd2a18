import ResgraphFiles
import Synchronization

/// Keeps results on disk, for later processes and for others that share the folder.
///
/// Values are files named by their SHA-256; a small record names those of one node's result. Every
/// value is checked against its digest when it is read. What is damaged, or of another version, counts
/// as not there and is moved aside. A full disk, or a folder that cannot be written to, costs a warning
/// and later runs their hits, never this run.
public final class DiskCache: ResultCache {
  /// The cache folder.
  public let root: String
  /// Whether results are stored, beside being found.
  public let isWritable: Bool
  let files: CacheStore
  private let warn: @Sendable (String) -> Void
  private let state = Mutex(State())

  private struct State {
    /// Results that turned out to be lost, which must not be found again.
    var lost: Set<CacheKey> = []
    /// Whether storing has failed: it is not tried again.
    var hasFailed = false
    var storedBytes = 0
  }

  /// Opens a cache; the folder is made when there is something to store.
  ///
  /// - Parameters:
  ///   - root: The cache folder.
  ///   - isWritable: Whether results are stored, beside being found.
  ///   - warn: Told once when results cannot be stored.
  public init(
    root: String, isWritable: Bool = true, warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.root = root
    self.isWritable = isWritable
    self.warn = warn
    files = CacheStore(root: root)
  }

  /// The bytes that this process has stored.
  public var storedBytes: Int { state.withLock { $0.storedBytes } }

  // MARK: Finding

  /// Finds the outputs of an equal node; each is read and checked when its value is asked for.
  public func find(_ key: CacheKey, of type: any NodeType.Type) -> CachedResult? {
    guard !state.withLock({ $0.lost.contains(key) }) else { return nil }
    let path = files.path(.actions, key.hex)
    guard FileStatus(path: path) != nil else { return nil }
    guard let record = ActionRecord(path: path), let outputs = outputs(record, key, type) else {
      giveUp(key)
      return nil
    }
    if isWritable { CacheStore.touch(path) }
    return CachedResult(outputs: outputs, source: "disk")
  }

  private func outputs(
    _ record: ActionRecord, _ key: CacheKey, _ type: any NodeType.Type
  ) -> [String: LazyValue]? {
    let ports = NodeInstance(type).outputs
    guard record.key == key.hex, Set(record.outputs.keys) == Set(ports.map(\.name)) else {
      return nil
    }
    var outputs: [String: LazyValue] = [:]
    for port in ports {
      let valueType = port.port.valueType
      guard let output = record.outputs[port.name], output.type == valueType.typeName,
        let status = FileStatus(path: files.path(.objects, output.digest)),
        status.size == output.bytes
      else { return nil }
      outputs[port.name] = LazyValue { [self] in try read(output, valueType, key) }
    }
    return outputs
  }

  private func read(
    _ output: ActionRecord.Output, _ type: any PortValue.Type, _ key: CacheKey
  ) throws -> any PortValue {
    let path = files.path(.objects, output.digest)
    do {
      let bytes = try FileReader.bytes(path, limit: output.bytes)
      guard bytes.withUnsafeBytes(Digest.bytes) == output.digest else {
        if isWritable { files.setAside(path) }
        throw PortValueError.damaged(type.typeName)
      }
      return try type.init(encoded: bytes)
    } catch {
      // Missing, damaged, or written by a version that encoded values in another way.
      giveUp(key)
      throw LostResult(key: key)
    }
  }

  private func giveUp(_ key: CacheKey) {
    state.withLock { _ = $0.lost.insert(key) }
    if isWritable { files.setAside(files.path(.actions, key.hex)) }
  }

  // MARK: Storing

  /// Stores the outputs of a node, if it computes and all of them have a stored form.
  ///
  /// What other nodes make is as quickly made again as read.
  public func store(
    _ outputs: [String: any PortValue], for key: CacheKey, of type: any NodeType.Type,
    seconds: Double
  ) {
    guard isWritable, type.resources == .compute, !state.withLock({ $0.hasFailed }) else { return }
    do {
      var record = ActionRecord(
        key: key.hex, node: type.name, version: type.version, outputs: [:], seconds: seconds,
        created: Int(systemTime() / 1_000_000_000))
      for (port, value) in outputs { record.outputs[port] = try store(value) }
      try AtomicFile.write(
        Array(record.text.utf8), to: files.path(.actions, key.hex), permissions: 0o666)
      state.withLock {
        $0.lost.remove(key)
        $0.storedBytes += record.bytes
      }
    } catch let error as FileError {
      fail(error)
    } catch {
      // A value without a stored form: its node computes again.
    }
  }

  private func store(_ value: any PortValue) throws -> ActionRecord.Output {
    let bytes = try value.encoded()
    let digest = bytes.withUnsafeBytes(Digest.bytes)
    // An object that is there is written again: it might be damaged, and renaming costs no reader.
    try AtomicFile.write(bytes, to: files.path(.objects, digest), permissions: 0o444)
    return .init(type: Swift.type(of: value).typeName, digest: digest, bytes: bytes.count)
  }

  private func fail(_ error: FileError) {
    let isFirst = state.withLock { state in
      defer { state.hasFailed = true }
      return !state.hasFailed
    }
    if isFirst { warn("results are not kept for later runs: \(error)") }
  }
}
