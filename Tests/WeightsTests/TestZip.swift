@testable import ResgraphWeights

/// Writes zips of stored entries, with every field open to being broken.
struct TestZip {
  struct Entry {
    let name: String
    let content: [UInt8]
    let headerOffset: Int
    let contentOffset: Int
    let recordOffset: Int
  }

  var bytes: [UInt8] = []
  var entries: [Entry] = []
  var directoryOffset = 0
  var endOffset = 0

  init(_ files: [(String, [UInt8])]) {
    var headers: [Int] = []
    for (name, content) in files {
      headers.append(bytes.count)
      bytes += [0x50, 0x4B, 3, 4] + littleEndian(UInt16(20)) + [UInt8](repeating: 0, count: 8)
      bytes += littleEndian(checksum(content)) + littleEndian(UInt32(content.count))
      bytes += littleEndian(UInt32(content.count)) + littleEndian(UInt16(name.utf8.count)) + [0, 0]
      bytes += Array(name.utf8) + content
    }
    directoryOffset = bytes.count
    for ((name, content), header) in zip(files, headers) {
      entries.append(
        Entry(
          name: name, content: content, headerOffset: header,
          contentOffset: header + 30 + name.utf8.count, recordOffset: bytes.count))
      bytes += [0x50, 0x4B, 1, 2] + littleEndian(UInt16(20)) + littleEndian(UInt16(20))
      bytes += [UInt8](repeating: 0, count: 8) + littleEndian(checksum(content))
      bytes += littleEndian(UInt32(content.count)) + littleEndian(UInt32(content.count))
      bytes += littleEndian(UInt16(name.utf8.count)) + [UInt8](repeating: 0, count: 12)
      bytes += littleEndian(UInt32(header)) + Array(name.utf8)
    }
    endOffset = bytes.count
    bytes += [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + littleEndian(UInt16(files.count))
    bytes += littleEndian(UInt16(files.count)) + littleEndian(UInt32(endOffset - directoryOffset))
    bytes += littleEndian(UInt32(directoryOffset)) + [0, 0]
  }

  /// Takes a zip of another writer; its entries are found by this package's reader.
  init(parsing whole: [UInt8]) throws {
    bytes = whole
    let archive = try whole.withUnsafeBytes { try ZipArchive($0) }
    entries = archive.entries.values.sorted { $0.name < $1.name }.map {
      Entry(
        name: $0.name, content: Array(whole[$0.range]), headerOffset: 0,
        contentOffset: $0.range.lowerBound, recordOffset: 0)
    }
  }

  /// A copy with some bytes written over.
  func patched(_ offset: Int, _ replacement: [UInt8]) -> [UInt8] {
    var copy = bytes
    copy.replaceSubrange(offset..<(offset + replacement.count), with: replacement)
    return copy
  }
}

/// The zip checksum bit by bit, so that the reader's tables are tested against something else.
func checksum(_ bytes: [UInt8]) -> UInt32 {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}

/// Writes pickles of protocol 2 operation by operation.
struct TestPickle {
  var bytes: [UInt8] = [0x80, 2]

  /// The pickle with its STOP.
  var finished: [UInt8] { bytes + [UInt8(ascii: ".")] }

  mutating func text(_ text: String) {
    bytes += [UInt8(ascii: "X")] + littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  mutating func int(_ value: Int) {
    if let small = Int32(exactly: value) {
      bytes += [UInt8(ascii: "J")] + littleEndian(small)
    } else {
      bytes += [0x8A, 8] + littleEndian(Int64(value))
    }
  }

  mutating func global(_ module: String, _ name: String) {
    bytes += [UInt8(ascii: "c")] + Array("\(module)\n\(name)\n".utf8)
  }

  mutating func tuple(_ values: [Int]) {
    bytes.append(UInt8(ascii: "("))
    for value in values { int(value) }
    bytes.append(UInt8(ascii: "t"))
  }

  mutating func dictionary(_ body: (inout TestPickle) -> Void) {
    bytes.append(UInt8(ascii: "}"))
    body(&self)
  }

  mutating func item(_ key: String, _ body: (inout TestPickle) -> Void) {
    text(key)
    body(&self)
    bytes.append(UInt8(ascii: "s"))
  }

  mutating func storage(type: String, key: String = "0", count: Int) {
    bytes.append(UInt8(ascii: "("))
    text("storage")
    global("torch", type)
    text(key)
    text("cpu")
    int(count)
    bytes += [UInt8(ascii: "t"), UInt8(ascii: "Q")]
  }

  /// A rebuilt tensor; strides default to row-major.
  mutating func tensor(
    type: String = "FloatStorage", key: String = "0", count: Int, offset: Int = 0, shape: [Int],
    strides: [Int]? = nil
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    bytes.append(UInt8(ascii: "("))
    storage(type: type, key: key, count: count)
    int(offset)
    tuple(shape)
    tuple(strides ?? shape.indices.map { shape[($0 + 1)...].reduce(1, *) })
    bytes.append(0x89)
    global("collections", "OrderedDict")
    bytes += [UInt8(ascii: ")"), UInt8(ascii: "R"), UInt8(ascii: "t"), UInt8(ascii: "R")]
  }

  /// `{"a": tensor}` as a whole torch zip with eight bytes of storage.
  static func file(_ body: (inout TestPickle) -> Void) -> [UInt8] {
    var pickle = TestPickle()
    pickle.dictionary { $0.item("a", body) }
    return archive(pickle.finished)
  }

  /// A torch zip of a pickle and eight bytes of storage.
  static func archive(_ pickle: [UInt8]) -> [UInt8] {
    TestZip([
      ("archive/data.pkl", pickle), ("archive/data/0", [UInt8](repeating: 0, count: 8)),
    ]).bytes
  }
}
