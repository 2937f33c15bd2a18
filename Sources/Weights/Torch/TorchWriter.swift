import ResgraphFiles
public import TensorRuntime

/// Writes named tensors as `torch.save` writes a state dict: a zip file of stored entries, whose pickle torch
/// loads with `weights_only`.
public enum TorchWriter {
  /// Writes a file, atomically.
  ///
  /// - Parameters:
  ///   - tensors: The tensors by name; they are written as float32.
  ///   - path: The file to write or replace.
  /// - Throws: `FileError`; nothing is left behind then.
  public static func write(_ tensors: [String: RawTensor], to path: String) throws {
    let order = tensors.sorted { $0.key < $1.key }
    var zip = ZipWriter()
    zip.add("archive/data.pkl", pickle(order))
    zip.add("archive/byteorder", Array("little".utf8))
    for (index, entry) in order.enumerated() {
      let bytes = entry.value.floats().withUnsafeBytes { Array($0) }
      zip.add("archive/data/\(index)", bytes, aligned: true)
    }
    zip.add("archive/version", Array("3\n".utf8))
    try AtomicFile.write(zip.finished(), to: path)
  }

  /// An ordered dictionary of tensors, each on a storage of its own.
  private static func pickle(_ order: [(key: String, value: RawTensor)]) -> [UInt8] {
    var pickle = PickleWriter()
    pickle.dictionary()
    pickle.code("(")
    for (index, entry) in order.enumerated() {
      pickle.text(entry.key)
      pickle.tensor(storage: index, shape: entry.value.shape)
    }
    pickle.code("u.")
    return pickle.bytes
  }
}

/// Writes pickle's second protocol.
private struct PickleWriter {
  private(set) var bytes: [UInt8] = [0x80, 2]

  mutating func code(_ codes: String) { bytes += Array(codes.utf8) }

  mutating func global(_ module: String, _ name: String) { code("c\(module)\n\(name)\n") }

  mutating func text(_ text: String) {
    code("X")
    number(text.utf8.count)
    code(text)
  }

  mutating func integer(_ value: Int) {
    code("J")
    number(value)
  }

  private mutating func number(_ value: Int) {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian) {
      bytes.append(contentsOf: $0)
    }
  }

  private mutating func tuple(_ values: [Int]) {
    code("(")
    for value in values { integer(value) }
    code("t")
  }

  /// An empty ordered dictionary.
  mutating func dictionary() {
    global("collections", "OrderedDict")
    code(")R")
  }

  /// A tensor of a whole storage, which wants no gradient.
  mutating func tensor(storage: Int, shape: [Int]) {
    global("torch._utils", "_rebuild_tensor_v2")
    code("((")
    text("storage")
    global("torch", "FloatStorage")
    text("\(storage)")
    text("cpu")
    integer(shape.reduce(1, *))
    code("tQ")
    integer(0)
    tuple(shape)
    tuple(shape.indices.map { shape[($0 + 1)...].reduce(1, *) })
    bytes.append(0x89)
    dictionary()
    code("tR")
  }
}

/// Builds a zip file of stored entries, without times.
private struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  mutating func add(_ name: String, _ contents: [UInt8], aligned: Bool = false) {
    let start = bytes.count
    let common = Self.common(name, contents)
    // An extra field fills up to where the contents are aligned to 64 bytes, as torch has them.
    let header = start + 4 + common.count + 4 + name.utf8.count
    let gap = aligned ? (64 - (header + 4) % 64) % 64 : 0
    let extra =
      aligned
      ? Array("FB".utf8) + Self.short(gap) + [UInt8](repeating: UInt8(ascii: "Z"), count: gap) : []
    bytes += [0x50, 0x4B, 3, 4] + common + Self.short(name.utf8.count) + Self.short(extra.count)
    bytes += Array(name.utf8) + extra + contents
    directory += [0x50, 0x4B, 1, 2] + Self.short(20) + common + Self.short(name.utf8.count)
    // No extra field, no comment, the first disk, no attributes.
    directory += [UInt8](repeating: 0, count: 12) + Self.long(start) + Array(name.utf8)
    count += 1
  }

  func finished() -> [UInt8] {
    bytes + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + Self.short(count) + Self.short(count)
      + Self.long(directory.count) + Self.long(bytes.count) + Self.short(0)
  }

  /// What both headers of an entry say: version, flags, method, time, date, checksum and sizes.
  private static func common(_ name: String, _ contents: [UInt8]) -> [UInt8] {
    let checksum = contents.withUnsafeBytes { CRC32.checksum($0) }
    return short(20) + short(0x0800) + short(0) + short(0) + short(33)
      + long(Int(checksum)) + long(contents.count) + long(contents.count)
  }

  private static func short(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
  }

  private static func long(_ value: Int) -> [UInt8] {
    short(value) + short(value >> 16)
  }
}
