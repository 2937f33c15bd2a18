import ResgraphFiles
import TensorRuntime

/// The checked table of contents of a safetensors file.
struct SafetensorsHeader {
  /// The place, type and shape of a tensor; `dtype` is nil for element types that are not read.
  struct Record: Sendable {
    let dtype: DType?
    let dtypeName: String
    let shape: [Int]
    let offset: Int
    let byteCount: Int
  }

  let records: [String: Record]
  let metadata: [String: String]

  static let maximumHeaderBytes = 100_000_000
  static let maximumTensors = 100_000
  static let maximumRank = 32

  /// Reads and checks the header; `bytes` is the whole file.
  init(_ bytes: UnsafeRawBufferPointer) throws(SafetensorsFault) {
    guard bytes.count >= 8 else {
      throw SafetensorsFault("the file has \(bytes.count) bytes, fewer than a header length")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(Self.maximumHeaderBytes) else {
      throw SafetensorsFault("a header of \(length) bytes; the format allows 100000000")
    }
    guard length <= UInt64(bytes.count - 8) else {
      throw SafetensorsFault(
        "truncated: a header of \(length) bytes in a file of \(bytes.count) bytes")
    }
    let dataStart = 8 + Int(length)
    let members = try Self.members(UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]))
    metadata = try Self.metadata(members["__metadata__"])
    var records: [String: Record] = [:]
    for (name, value) in members where name != "__metadata__" {
      records[name] = try Self.record(name, value, dataStart: dataStart, fileSize: bytes.count)
    }
    self.records = records
    try Self.checkTiling(records, dataStart: dataStart, fileSize: bytes.count)
  }

  private static func members(
    _ text: UnsafeRawBufferPointer
  ) throws(SafetensorsFault) -> [String: JSONValue] {
    guard text.first == UInt8(ascii: "{") else {
      throw SafetensorsFault("the header does not start with '{'")
    }
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue.parse(text, limits: .weightHeader)
    } catch {
      throw SafetensorsFault("header, byte \(error.offset + 8): \(error.reason)")
    }
    guard let members = document.objectValue else {
      throw SafetensorsFault("the header is not a JSON object")
    }
    guard members.count <= maximumTensors else {
      throw SafetensorsFault("\(members.count) tensors; at most \(maximumTensors) are read")
    }
    return members
  }

  private static func metadata(
    _ value: JSONValue?
  ) throws(SafetensorsFault) -> [String: String] {
    guard let value else { return [:] }
    guard let members = value.objectValue else {
      throw SafetensorsFault("__metadata__ is not an object")
    }
    var metadata: [String: String] = [:]
    for (name, member) in members {
      guard let text = member.stringValue else {
        throw SafetensorsFault("__metadata__ '\(name)' is not a string")
      }
      metadata[name] = text
    }
    return metadata
  }

  private static func record(
    _ name: String, _ value: JSONValue, dataStart: Int, fileSize: Int
  ) throws(SafetensorsFault) -> Record {
    guard let members = value.objectValue else {
      throw SafetensorsFault("tensor '\(name)' is not described by an object")
    }
    for member in members.keys where !["dtype", "shape", "data_offsets"].contains(member) {
      throw SafetensorsFault("tensor '\(name)': unknown member '\(member)'")
    }
    guard let dtypeName = value.string("dtype") else {
      throw SafetensorsFault("tensor '\(name)': no dtype")
    }
    guard let shape = value.ints("shape"), shape.count == value["shape"]?.arrayValue?.count else {
      throw SafetensorsFault("tensor '\(name)': shape is not a list of integers")
    }
    guard shape.count <= maximumRank, shape.allSatisfy({ $0 >= 0 }) else {
      throw SafetensorsFault("tensor '\(name)': impossible shape \(shape.prefix(8))")
    }
    guard let range = value.ints("data_offsets"), range.count == 2 else {
      throw SafetensorsFault("tensor '\(name)': data_offsets are not two integers")
    }
    guard range[0] >= 0, range[1] >= range[0], range[1] <= fileSize - dataStart else {
      throw SafetensorsFault(
        "tensor '\(name)': data_offsets \(range) are outside the \(fileSize - dataStart) bytes of data"
      )
    }
    let record = Record(
      dtype: dtype(named: dtypeName), dtypeName: dtypeName, shape: shape,
      offset: dataStart + range[0], byteCount: range[1] - range[0])
    try checkSize(name, record)
    return record
  }

  /// Checks that a tensor fills its range exactly.
  ///
  /// For element types of unknown size that cannot be checked.
  private static func checkSize(_ name: String, _ record: Record) throws(SafetensorsFault) {
    guard let bits = bitCount(ofTypeNamed: record.dtypeName) else { return }
    var product = bits
    for size in record.shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw SafetensorsFault("tensor '\(name)': shape \(record.shape) overflows")
      }
      product = next
    }
    guard product % 8 == 0, product / 8 == record.byteCount else {
      throw SafetensorsFault(
        "tensor '\(name)': \(record.dtypeName) of shape \(record.shape) needs "
          + "\((product + 7) / 8) bytes, data_offsets give \(record.byteCount)")
    }
  }

  /// Checks that the tensors cover the data from first to last byte without gap or overlap.
  private static func checkTiling(
    _ records: [String: Record], dataStart: Int, fileSize: Int
  ) throws(SafetensorsFault) {
    let sorted = records.sorted {
      ($0.value.offset, $0.value.byteCount, $0.key) < ($1.value.offset, $1.value.byteCount, $1.key)
    }
    var end = dataStart
    for (name, record) in sorted {
      guard record.offset == end else {
        let relation =
          record.offset < end ? "overlaps the tensor before it" : "leaves a gap before it"
        throw SafetensorsFault("tensor '\(name)' \(relation)")
      }
      end = record.offset + record.byteCount
    }
    guard end == fileSize else {
      throw SafetensorsFault("\(fileSize - end) bytes after the last tensor")
    }
  }

  static func dtype(named name: String) -> DType? {
    switch name {
    case "F64": .float64
    case "F32": .float32
    case "F16": .float16
    case "BF16": .bfloat16
    case "I64": .int64
    case "I32": .int32
    case "I16": .int16
    case "I8": .int8
    case "U8": .uint8
    case "BOOL": .bool
    default: nil
    }
  }

  static func name(of dtype: DType) -> String {
    switch dtype {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int64: "I64"
    case .int32: "I32"
    case .int16: "I16"
    case .int8: "I8"
    case .uint8: "U8"
    case .bool: "BOOL"
    }
  }

  private static func bitCount(ofTypeNamed name: String) -> Int? {
    if let dtype = dtype(named: name) { return dtype.byteCount * 8 }
    switch name {
    case "F4": return 4
    case "F6_E2M3", "F6_E3M2": return 6
    case "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ": return 8
    case "U16": return 16
    case "U32": return 32
    case "U64", "C64": return 64
    default: return nil
    }
  }
}

/// A rule of the format that a file breaks.
///
/// The caller adds the file's path.
struct SafetensorsFault: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
