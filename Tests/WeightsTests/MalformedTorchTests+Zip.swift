import TensorRuntime

@testable import ResgraphWeights

extension MalformedTorchTests {
  /// Rules of the zip, each broken once.
  static let zips: [BrokenFile] = {
    let first = good.entries[0]
    let last = good.entries[3]
    func broken(_ name: String, at offset: Int, _ bytes: [UInt8], _ expected: String) -> BrokenFile
    {
      BrokenFile(name, good.patched(offset, bytes), expected)
    }
    let end = good.endOffset
    return [
      broken("no end record", at: end, [0], "end of central directory"),
      broken("end on another disk", at: end + 4, [1], "several files"),
      broken("directory on another disk", at: end + 6, [1], "several files"),
      broken("fewer entries on this disk", at: end + 8, [3], "several files"),
      broken("one entry too many", at: end + 8, [5, 0, 5], "record is missing"),
      broken("one entry too few", at: end + 8, [3, 0, 3], "longer than its entries"),
      broken("65535 entries", at: end + 8, [0xFF, 0xFF, 0xFF, 0xFF], "record is missing"),
      broken("directory size too large", at: end + 12, [0xFF, 0xFF, 0xFF, 0x7F], "outside"),
      broken(
        "directory one byte short", at: end + 12,
        littleEndian(UInt32(end - good.directoryOffset - 1)), "longer than the directory"),
      broken(
        "directory offset beyond the file", at: end + 16, [0xFF, 0xFF, 0xFF, 0x7F], "outside"),
      broken(
        "directory offset shifted", at: end + 16, littleEndian(UInt32(good.directoryOffset - 1)),
        "record is missing"),
      broken("comment longer than the file", at: end + 20, [9], "end of central directory"),
      BrokenFile("bytes after the end", good.bytes + [0], "end of central directory"),
      broken("record signature", at: first.recordOffset, [0], "record is missing"),
      broken("encrypted", at: first.recordOffset + 8, [1], "encrypted"),
      broken("strongly encrypted", at: first.recordOffset + 8, [0x40], "encrypted"),
      BrokenFile("deflated", compressed(8), "is compressed"),
      BrokenFile("bzip2", compressed(12), "is compressed"),
      BrokenFile("zstd", compressed(93), "is compressed"),
      broken("wrong checksum of the pickle", at: first.recordOffset + 16, [1, 2, 3], "checksum"),
      broken("two sizes", at: first.recordOffset + 20, [1], "sizes differ"),
      broken(
        "size beyond the file", at: last.recordOffset + 20, [0, 0, 0, 0x70, 0, 0, 0, 0x70],
        "outside"),
      broken(
        "64-bit size missing", at: last.recordOffset + 24, [0xFF, 0xFF, 0xFF, 0xFF], "64-bit"),
      broken(
        "64-bit offset missing", at: last.recordOffset + 42, [0xFF, 0xFF, 0xFF, 0xFF], "64-bit"),
      broken("empty name", at: first.recordOffset + 28, [0], "name"),
      broken(
        "name longer than the directory", at: last.recordOffset + 28, [0xFF, 0x0F],
        "longer than the directory"),
      broken(
        "extra field longer than the directory", at: last.recordOffset + 30, [0xFF],
        "longer than the directory"),
      broken(
        "entry comment longer than the directory", at: last.recordOffset + 32, [0xFF],
        "longer than the directory"),
      broken("name not UTF-8", at: first.recordOffset + 46, [0xFF], "name"),
      broken("name with a zero byte", at: first.recordOffset + 46, [0], "name"),
      broken(
        "header offset beyond the file", at: first.recordOffset + 42, [0xFF, 0xFF, 0xFF, 0x7F],
        "local header"),
      broken("header offset shifted", at: first.recordOffset + 42, [1], "local header"),
      broken(
        "header offset in the directory", at: first.recordOffset + 42,
        littleEndian(UInt32(good.directoryOffset)), "local header"),
      broken("local signature", at: last.headerOffset + 2, [0], "local header"),
      broken("local flags", at: first.headerOffset + 6, [1], "encrypted"),
      broken("local method", at: first.headerOffset + 8, [8], "another compression"),
      broken("local size", at: first.headerOffset + 18, [1], "another size"),
      broken("local name", at: first.headerOffset + 30, [0x41], "another name"),
      broken("local name length", at: first.headerOffset + 26, [3], "another name"),
      broken("local extra beyond the file", at: last.headerOffset + 28, [0xFF, 0xFF], "outside"),
      BrokenFile(
        "two entries of one name",
        TestZip([("a/data.pkl", goodPickle), ("a/data/0", [1]), ("a/data/0", [2])]).bytes,
        "two entries"),
      BrokenFile("two entries on the same bytes", shared(), "overlap"),
      BrokenFile("no data.pkl", TestZip([("archive/version", [0x33])]).bytes, "data.pkl"),
      BrokenFile(
        "data.pkl without a folder", TestZip([("data.pkl", goodPickle)]).bytes, "data.pkl"),
      BrokenFile(
        "two data.pkl", TestZip([("a/data.pkl", goodPickle), ("b/data.pkl", goodPickle)]).bytes,
        "several"),
      BrokenFile("empty zip", TestZip([]).bytes, "data.pkl"),
      BrokenFile(
        "a program", TestZip([("a/data.pkl", goodPickle), ("a/constants.pkl", goodPickle)]).bytes,
        "TorchScript"),
      BrokenFile(
        "unknown byte order",
        TestZip([
          ("a/data.pkl", goodPickle), ("a/byteorder", [0x78]),
          ("a/data/0", [UInt8](repeating: 0, count: 8)),
        ]).bytes, "byteorder"),
      BrokenFile("storage missing", TestZip([("a/data.pkl", goodPickle)]).bytes, "missing"),
      BrokenFile(
        "storage too short",
        TestZip([("a/data.pkl", goodPickle), ("a/data/0", [UInt8](repeating: 0, count: 7))]).bytes,
        "7 bytes"),
      BrokenFile("64-bit end record missing", wide { $0 + 1 }, "64-bit end record"),
      BrokenFile("64-bit end record beyond the file", wide { _ in .max }, "64-bit end record"),
    ]
  }()

  /// The last entry says in both of its headers that it is compressed.
  static func compressed(_ method: UInt8) -> [UInt8] {
    var bytes = good.bytes
    bytes[good.entries[3].recordOffset + 10] = method
    bytes[good.entries[3].headerOffset + 8] = method
    return bytes
  }

  /// The last record points at a local header hidden in the content of the entry before it.
  static func shared() -> [UInt8] {
    let inner = TestZip([("a/data/1", [1, 2])])
    let outer = TestZip([
      ("a/data.pkl", goodPickle), ("a/data/0", Array(inner.bytes[..<inner.directoryOffset])),
      ("a/data/1", [1, 2]),
    ])
    let hidden = UInt32(outer.entries[1].contentOffset)
    return outer.patched(outer.entries[2].recordOffset + 42, littleEndian(hidden))
  }

  /// A zip with a 64-bit locator before the end record; the argument maps its true offset.
  static func wide(_ offset: (UInt64) -> UInt64) -> [UInt8] {
    let end = good.endOffset
    var record: [UInt8] = [0x50, 0x4B, 6, 6] + littleEndian(UInt64(44)) + [45, 0, 45, 0]
    record += [UInt8](repeating: 0, count: 8) + littleEndian(UInt64(4)) + littleEndian(UInt64(4))
    record +=
      littleEndian(UInt64(end - good.directoryOffset)) + littleEndian(UInt64(good.directoryOffset))
    let locator: [UInt8] =
      [0x50, 0x4B, 6, 7, 0, 0, 0, 0] + littleEndian(offset(UInt64(end))) + [1, 0, 0, 0]
    return Array(good.bytes[..<end]) + record + locator + Array(good.bytes[end...])
  }
}
