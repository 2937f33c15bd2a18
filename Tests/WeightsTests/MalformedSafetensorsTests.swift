import ResgraphFiles
import TensorRuntime
import Testing

@testable import ResgraphWeights

/// A name for a broken file, its bytes, and a word its error must contain.
struct BrokenFile: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let expected: String

  init(_ name: String, _ bytes: [UInt8], _ expected: String = "") {
    self.name = name
    self.bytes = bytes
    self.expected = expected
  }

  init(_ name: String, header: String, data: Int = 0, _ expected: String = "") {
    self.init(name, safetensors(header, data: [UInt8](repeating: 0, count: data)), expected)
  }

  var testDescription: String { name }
}

@Suite("Malformed safetensors")
struct MalformedSafetensorsTests {
  static let one = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#

  static func tensor(_ dtype: String, _ shape: String, _ offsets: String) -> String {
    #"{"a":{"dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }

  /// Each rule of the format broken once.
  static let broken: [BrokenFile] = [
    BrokenFile("empty file", [], "empty"),
    BrokenFile("header length 2^64-1", [UInt8](repeating: 0xFF, count: 64), "header of"),
    BrokenFile("header length 2^63", littleEndian(UInt64(1) << 63) + [0x7B], "header of"),
    BrokenFile("header length 100000001", littleEndian(UInt64(100_000_001)) + [0x7B], "header of"),
    BrokenFile(
      "header longer than the file", littleEndian(UInt64(1000)) + [0x7B, 0x7D], "truncated"),
    BrokenFile("header one byte too long", littleEndian(UInt64(3)) + [0x7B, 0x7D], "truncated"),
    BrokenFile("no header", littleEndian(UInt64(0)), "start with"),
    BrokenFile("header starts with a space", header: " {}", "start with"),
    BrokenFile("header is an array", header: "[]", "start with"),
    BrokenFile("header is a number", header: "12", "start with"),
    BrokenFile("header not closed", header: "{", "header, byte"),
    BrokenFile("header with trailing text", header: "{} x", "after the end"),
    BrokenFile("header with trailing zeros", safetensors("{}\0\0\0"), "after the end"),
    BrokenFile(
      "header not UTF-8",
      littleEndian(UInt64(7)) + Array(#"{"_":1}"#.utf8).map { $0 == 0x5F ? 0xFF : $0 }, "UTF-8"),
    BrokenFile("trailing comma", header: #"{"a":1,}"#, "member name"),
    BrokenFile("comment", header: "{/**/}", "member name"),
    BrokenFile("duplicate tensor", header: #"{"a":{},"a":{}}"#, "duplicate"),
    BrokenFile("duplicate member", header: #"{"a":{"dtype":"U8","dtype":"U8"}}"#, "duplicate"),
    BrokenFile(
      "nested too deep", header: #"{"a":"# + String(repeating: "[", count: 5000), "deeper"),
    BrokenFile("tensor is null", header: #"{"a":null}"#, "object"),
    BrokenFile("tensor is a list", header: #"{"a":[]}"#, "object"),
    BrokenFile("tensor is a string", header: #"{"a":"F32"}"#, "object"),
    BrokenFile("tensor without members", header: #"{"a":{}}"#, "dtype"),
    BrokenFile("no dtype", header: #"{"a":{"shape":[],"data_offsets":[0,0]}}"#, "dtype"),
    BrokenFile("no shape", header: #"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, "shape"),
    BrokenFile("no offsets", header: #"{"a":{"dtype":"U8","shape":[0]}}"#, "data_offsets"),
    BrokenFile(
      "unknown member", header: #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}"#,
      "unknown"),
    BrokenFile("dtype number", header: tensor("5", "[2]", "[0,8]"), data: 8, "dtype"),
    BrokenFile("dtype null", header: tensor("null", "[2]", "[0,8]"), data: 8, "dtype"),
    BrokenFile("shape number", header: tensor(#""F32""#, "2", "[0,8]"), data: 8, "shape"),
    BrokenFile("shape of strings", header: tensor(#""F32""#, #"["2"]"#, "[0,8]"), data: 8, "shape"),
    BrokenFile("shape of fractions", header: tensor(#""F32""#, "[2.5]", "[0,8]"), data: 8, "shape"),
    BrokenFile("shape negative", header: tensor(#""F32""#, "[-2]", "[0,8]"), data: 8, "shape"),
    BrokenFile(
      "shape twice negative", header: tensor(#""F32""#, "[-2,-1]", "[0,8]"), data: 8, "shape"),
    BrokenFile(
      "shape beyond 64 bits", header: tensor(#""F32""#, "[18446744073709551616]", "[0,8]"), data: 8,
      "64 bits"),
    BrokenFile(
      "shape of 2^63", header: tensor(#""F32""#, "[9223372036854775808]", "[0,8]"), data: 8,
      "64 bits"),
    BrokenFile(
      "shape overflows", header: tensor(#""F32""#, "[4294967296,4294967296]", "[0,8]"), data: 8,
      "overflow"),
    BrokenFile(
      "size overflows", header: tensor(#""F64""#, "[2305843009213693952]", "[0,8]"), data: 8,
      "overflow"),
    BrokenFile(
      "rank 1000",
      header: tensor(#""F32""#, "[" + String(repeating: "1,", count: 999) + "1]", "[0,4]"), data: 4,
      "shape"),
    BrokenFile("shape too large", header: tensor(#""F32""#, "[3]", "[0,8]"), data: 8, "needs"),
    BrokenFile("shape too small", header: tensor(#""F32""#, "[1]", "[0,8]"), data: 8, "needs"),
    BrokenFile("scalar of no bytes", header: tensor(#""F32""#, "[]", "[0,0]"), "needs"),
    BrokenFile("zero size with bytes", header: tensor(#""F32""#, "[0]", "[0,4]"), data: 4, "needs"),
    BrokenFile("half as long", header: tensor(#""F16""#, "[2]", "[0,8]"), data: 8, "needs"),
    BrokenFile(
      "an 8-bit float of wrong size", header: tensor(#""F8_E4M3""#, "[2]", "[0,8]"), data: 8,
      "needs"),
    BrokenFile(
      "a 4-bit float of half a byte", header: tensor(#""F4""#, "[3]", "[0,1]"), data: 1, "needs"),
    BrokenFile("offsets null", header: tensor(#""F32""#, "[2]", "null"), data: 8, "data_offsets"),
    BrokenFile("one offset", header: tensor(#""F32""#, "[2]", "[0]"), data: 8, "data_offsets"),
    BrokenFile(
      "three offsets", header: tensor(#""F32""#, "[2]", "[0,8,8]"), data: 8, "data_offsets"),
    BrokenFile(
      "offset strings", header: tensor(#""F32""#, "[2]", #"["0","8"]"#), data: 8, "data_offsets"),
    BrokenFile("negative offset", header: tensor(#""F32""#, "[2]", "[-8,0]"), data: 8, "outside"),
    BrokenFile("offsets reversed", header: tensor(#""F32""#, "[2]", "[8,0]"), data: 8, "outside"),
    BrokenFile(
      "offset beyond the file", header: tensor(#""F32""#, "[2]", "[8,16]"), data: 8, "outside"),
    BrokenFile(
      "end beyond the file", header: tensor(#""F32""#, "[2]", "[0,8]"), data: 7, "outside"),
    BrokenFile(
      "end at 2^63-1", header: tensor(#""F32""#, "[2]", "[0,9223372036854775807]"), data: 8,
      "outside"),
    BrokenFile("first begins late", header: tensor(#""F32""#, "[2]", "[4,12]"), data: 12, "gap"),
    BrokenFile("bytes after the last", header: one, data: 9, "after the last"),
    BrokenFile("data without tensors", header: "{}", data: 1, "after the last"),
    BrokenFile(
      "gap between tensors",
      header:
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#,
      data: 5, "gap"),
    BrokenFile(
      "overlapping tensors",
      header:
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
      data: 6, "overlaps"),
    BrokenFile(
      "two tensors on the same bytes",
      header:
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
      data: 4, "overlaps"),
    BrokenFile(
      "gap behind an unknown type",
      header:
        #"{"a":{"dtype":"ODD","shape":[4],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}"#,
      data: 5, "gap"),
    BrokenFile("metadata is a list", header: #"{"__metadata__":[]}"#, "__metadata__"),
    BrokenFile("metadata of numbers", header: #"{"__metadata__":{"a":1}}"#, "__metadata__"),
    BrokenFile("metadata nested", header: #"{"__metadata__":{"a":{}}}"#, "__metadata__"),
    BrokenFile(
      "a million values",
      header: #"{"a":["# + String(repeating: "0,", count: 1_000_000) + "0]}",
      "values"),
  ]

  @Test("each broken rule is an error that says which", arguments: broken)
  func brokenRule(file: BrokenFile) {
    let message = refusal { _ = try SafetensorsFile(bytes: file.bytes, name: "weights.st") }
    #expect(message?.hasPrefix("weights.st: ") == true)
    #expect(message?.contains(file.expected) == true, "\(message ?? "accepted")")
  }

  @Test("every truncation is refused")
  func truncations() {
    let whole = SafetensorsWriter.encode(["a": testTensor([2]), "b": testTensor([3])])
    #expect(refusal { _ = try SafetensorsFile(bytes: whole) } == nil)
    for count in 0..<whole.count {
      let message = refusal { _ = try SafetensorsFile(bytes: Array(whole[..<count])) }
      #expect(message != nil, "the first \(count) bytes were accepted")
    }
  }

  @Test("no changed header byte makes the reader crash or read outside the file")
  func flippedBytes() throws {
    let whole = SafetensorsWriter.encode(["a": testTensor([2]), "b": testTensor([3])])
    var accepted = 0
    for index in 0..<(whole.count - 20) {
      for value: UInt8 in [0, 0x22, 0x2D, 0x39, 0x7D, 0xFF] {
        var bytes = whole
        bytes[index] = value
        guard let file = try? SafetensorsFile(bytes: bytes) else { continue }
        accepted += 1
        for key in file.keys { #expect(try file.tensor(key).byteCount <= 20) }
      }
    }
    #expect(accepted > 0)
  }
}
