/// The reason why a zip is refused.
///
/// The caller adds the file's path.
enum ZipFault: Error {
  case malformed(String)
  case unsupported(String)
}

/// The checked table of contents of a zip whose entries are stored uncompressed, as torch writes
/// them.
///
/// The central directory and the local headers must agree on names, sizes and places, and entries
/// must not overlap. Nothing is ever unpacked, so that an entry never takes more memory than its
/// bytes.
struct ZipArchive {
  struct Entry: Sendable {
    let name: String
    let crc: UInt32
    /// The place of the content in the file.
    let range: Range<Int>
    /// Whether the content is compressed.
    ///
    /// Such an entry cannot be read.
    let isCompressed: Bool
  }

  let entries: [String: Entry]

  static let maximumEntries = 200_000

  init(_ bytes: UnsafeRawBufferPointer) throws(ZipFault) {
    let reader = ZipReader(bytes: bytes)
    let directory = try reader.directory()
    var entries: [String: Entry] = [:]
    var position = directory.range.lowerBound
    for _ in 0..<directory.count {
      let (entry, next) = try reader.entry(at: position, directory: directory.range)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw .malformed("two entries are named '\(entry.name)'")
      }
      position = next
    }
    guard position == directory.range.upperBound else {
      throw .malformed("the central directory is longer than its entries")
    }
    let sorted = entries.values.sorted { $0.range.lowerBound < $1.range.lowerBound }
    for (first, second) in zip(sorted, sorted.dropFirst())
    where first.range.upperBound > second.range.lowerBound {
      throw .malformed("entries '\(first.name)' and '\(second.name)' overlap")
    }
    self.entries = entries
  }
}

/// Reads the records of a zip, and checks every offset.
private struct ZipReader {
  let bytes: UnsafeRawBufferPointer

  struct Directory {
    let range: Range<Int>
    let count: Int
  }

  /// The fields shared by the end record and its 64-bit form.
  private struct EndRecord {
    let disk: UInt64
    let directoryDisk: UInt64
    let diskEntries: UInt64
    let entries: UInt64
    let size: UInt64
    let offset: UInt64
  }

  private func read<Value: FixedWidthInteger>(_ offset: Int, as: Value.Type) -> Value {
    Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  private func u16(_ offset: Int) -> Int { Int(read(offset, as: UInt16.self)) }
  private func u32(_ offset: Int) -> UInt32 { read(offset, as: UInt32.self) }
  private func u64(_ offset: Int) -> UInt64 { read(offset, as: UInt64.self) }

  /// Finds the end record, whose comment must reach exactly to the end of the file.
  private func endRecordOffset() throws(ZipFault) -> Int {
    guard bytes.count >= 22 else { throw .malformed("truncated: \(bytes.count) bytes") }
    var offset = bytes.count - 22
    let lowest = max(0, offset - 65535)
    while offset >= lowest {
      if u32(offset) == 0x0605_4B50, u16(offset + 20) == bytes.count - offset - 22 { return offset }
      offset -= 1
    }
    throw .malformed("no end of central directory: the file is truncated or no zip")
  }

  func directory() throws(ZipFault) -> Directory {
    let end = try endRecordOffset()
    var record = EndRecord(
      disk: UInt64(u16(end + 4)), directoryDisk: UInt64(u16(end + 6)),
      diskEntries: UInt64(u16(end + 8)), entries: UInt64(u16(end + 10)),
      size: UInt64(u32(end + 12)), offset: UInt64(u32(end + 16)))
    var limit = end
    if end >= 20, u32(end - 20) == 0x0706_4B50 {
      (record, limit) = try wideEndRecord(locator: end - 20)
    }
    guard record.disk == 0, record.directoryDisk == 0, record.diskEntries == record.entries else {
      throw .unsupported("a zip split over several files is not read")
    }
    guard record.entries <= UInt64(ZipArchive.maximumEntries) else {
      throw .malformed("\(record.entries) entries; at most \(ZipArchive.maximumEntries) are read")
    }
    let (stop, overflow) = record.offset.addingReportingOverflow(record.size)
    guard !overflow, stop <= UInt64(limit) else {
      throw .malformed("the central directory lies outside the file")
    }
    return Directory(range: Int(record.offset)..<Int(stop), count: Int(record.entries))
  }

  private func wideEndRecord(locator: Int) throws(ZipFault) -> (EndRecord, Int) {
    let offset = u64(locator + 8)
    guard offset <= UInt64(max(0, locator - 56)), locator >= 56, u32(Int(offset)) == 0x0606_4B50
    else {
      throw .malformed("the 64-bit end record is missing")
    }
    let start = Int(offset)
    let record = EndRecord(
      disk: UInt64(u32(start + 16)), directoryDisk: UInt64(u32(start + 20)),
      diskEntries: u64(start + 24), entries: u64(start + 32), size: u64(start + 40),
      offset: u64(start + 48))
    return (record, start)
  }

  /// Reads one central record and the local header it points to.
  func entry(
    at position: Int, directory: Range<Int>
  ) throws(ZipFault) -> (ZipArchive.Entry, next: Int) {
    guard position + 46 <= directory.upperBound, u32(position) == 0x0201_4B50 else {
      throw .malformed("a central directory record is missing")
    }
    let nameCount = u16(position + 28)
    let extraCount = u16(position + 30)
    let next = position + 46 + nameCount + extraCount + u16(position + 32)
    guard next <= directory.upperBound else {
      throw .malformed("a central directory record is longer than the directory")
    }
    let name = try name(at: position + 46, count: nameCount)
    let method = u16(position + 10)
    try checkFlags(of: name, u16(position + 8))
    let extraStart = position + 46 + nameCount
    let wide = try wideFields(
      extra: extraStart..<(extraStart + extraCount), record: position, name: name)
    guard method != 0 || wide.compressed == wide.size else {
      throw .malformed("entry '\(name)': stored, but its two sizes differ")
    }
    let record = CentralRecord(
      name: name, nameCount: nameCount, method: method, header: wide.offset, stored: wide.compressed
    )
    let range = try contentRange(record, limit: directory.lowerBound)
    let entry = ZipArchive.Entry(
      name: name, crc: u32(position + 16), range: range, isCompressed: method != 0)
    return (entry, next)
  }

  private func name(at offset: Int, count: Int) throws(ZipFault) -> String {
    guard count > 0, count <= 4096,
      let name = String(validating: bytes[offset..<(offset + count)], as: UTF8.self),
      !name.utf8.contains(0)
    else { throw .malformed("an entry name is empty, too long or not UTF-8") }
    return name
  }

  private func checkFlags(of name: String, _ flags: Int) throws(ZipFault) {
    guard flags & 0x2041 == 0 else { throw .unsupported("entry '\(name)' is encrypted") }
  }

  /// Returns the sizes and the header's offset, from the 64-bit extra field where the short fields
  /// refer to it.
  private func wideFields(
    extra: Range<Int>, record: Int, name: String
  ) throws(ZipFault) -> (compressed: UInt64, size: UInt64, offset: UInt64) {
    let short = (compressed: u32(record + 20), size: u32(record + 24), offset: u32(record + 42))
    var values = try wideValues(extra, name: name)[...]
    func value(_ field: UInt32) throws(ZipFault) -> UInt64 {
      guard field == .max else { return UInt64(field) }
      guard let value = values.popFirst() else {
        throw .malformed("entry '\(name)': its 64-bit fields are missing")
      }
      return value
    }
    // The order inside the extra field is size, compressed size, offset.
    let size = try value(short.size)
    let compressed = try value(short.compressed)
    return (compressed, size, try value(short.offset))
  }

  private func wideValues(_ extra: Range<Int>, name: String) throws(ZipFault) -> [UInt64] {
    var position = extra.lowerBound
    var values: [UInt64] = []
    while position + 4 <= extra.upperBound {
      let count = u16(position + 2)
      guard position + 4 + count <= extra.upperBound else {
        throw .malformed("entry '\(name)': an extra field is longer than its record")
      }
      if u16(position) == 1 {
        for index in 0..<(count / 8) { values.append(u64(position + 4 + index * 8)) }
      }
      position += 4 + count
    }
    return values
  }

  /// The record of an entry in the central directory.
  private struct CentralRecord {
    let name: String
    let nameCount: Int
    let method: Int
    let header: UInt64
    let stored: UInt64
  }

  /// Checks that the local header agrees with the central record, and returns the content's place.
  private func contentRange(_ record: CentralRecord, limit: Int) throws(ZipFault) -> Range<Int> {
    let name = record.name
    guard limit >= 30, record.header <= UInt64(limit - 30), u32(Int(record.header)) == 0x0403_4B50
    else { throw .malformed("entry '\(name)': its local header is missing") }
    let start = Int(record.header)
    let content = start + 30 + u16(start + 26) + u16(start + 28)
    guard content <= limit, record.stored <= UInt64(limit - content) else {
      throw .malformed("entry '\(name)': its content lies outside the file")
    }
    let localName = bytes[(start + 30)..<min(start + 30 + u16(start + 26), limit)]
    guard u16(start + 26) == record.nameCount, localName.elementsEqual(name.utf8) else {
      throw .malformed("entry '\(name)': its local header has another name")
    }
    try checkFlags(of: name, u16(start + 6))
    guard u16(start + 8) == record.method else {
      throw .malformed("entry '\(name)': its local header has another compression")
    }
    let localSize = u32(start + 18)
    let isStreamed = u16(start + 6) & 8 != 0
    guard isStreamed || localSize == .max || UInt64(localSize) == record.stored else {
      throw .malformed("entry '\(name)': its local header has another size")
    }
    return content..<(content + Int(record.stored))
  }
}
