import TensorRuntime
import Testing

@testable import ResgraphWeights

@Suite("Malformed torch files")
struct MalformedTorchTests {
  static let good = TestZip([
    ("archive/data.pkl", goodPickle), ("archive/version", Array("3\n".utf8)),
    ("archive/byteorder", Array("little".utf8)),
    ("archive/data/0", [UInt8](repeating: 1, count: 8)),
  ])

  static let goodPickle: [UInt8] = {
    var pickle = TestPickle()
    pickle.dictionary { $0.item("a") { $0.tensor(count: 2, shape: [2]) } }
    return pickle.finished
  }()

  static func pickle(_ name: String, _ bytes: [UInt8], _ expected: String = "") -> BrokenFile {
    BrokenFile(name, TestPickle.archive(bytes), expected)
  }

  static func value(
    _ name: String, _ expected: String, _ body: (inout TestPickle) -> Void
  ) -> BrokenFile {
    BrokenFile(name, TestPickle.file(body), expected)
  }

  /// Rules of the pickle and of the tensors in it, each broken once.
  static let pickles: [BrokenFile] = [
    pickle("empty pickle", [], "truncated"), pickle("only a protocol", [0x80, 2], "truncated"),
    pickle("protocol 0", Array("(dp0\n.".utf8), "protocol 2"),
    pickle("protocol 1", [0x80, 1, 0x7D, 0x2E], "protocol 2"),
    pickle("protocol 3", [0x80, 3, 0x7D, 0x2E], "protocol 2"),
    pickle("protocol 4", [0x80, 4, 0x95, 0, 0, 0, 0, 0, 0, 0, 0, 0x7D, 0x2E], "protocol 2"),
    pickle("protocol 5", [0x80, 5, 0x7D, 0x2E], "protocol 2"),
    pickle("second protocol", [0x80, 2, 0x80, 2, 0x7D, 0x2E], "second"),
    pickle("no stop", [0x80, 2, 0x7D], "truncated"),
    pickle("stop on an empty stack", [0x80, 2, 0x2E], "stack"),
    pickle("values left over", [0x80, 2, 0x7D, 0x7D, 0x2E], "left over"),
    pickle("mark left over", [0x80, 2, 0x28, 0x7D, 0x2E], "left over"),
    pickle("bytes after the end", goodPickle + [0], "follow"),
    pickle("root is a list", [0x80, 2, 0x5D, 0x2E], "not a dictionary"),
    pickle("root is none", [0x80, 2, 0x4E, 0x2E], "not a dictionary"),
    pickle("root is a class", [0x80, 2] + Array("cos\nsystem\n.".utf8), "not a dictionary"),
    pickle("root is a call", [0x80, 2] + Array("cos\nsystem\n)R.".utf8), "os.system"),
    pickle("tuple without mark", [0x80, 2, 0x74, 0x2E], "mark"),
    pickle("tuple of one on an empty stack", [0x80, 2, 0x85, 0x2E], "stack"),
    pickle("tuple of two with one", [0x80, 2, 0x4E, 0x86, 0x2E], "stack"),
    pickle("tuple of three with two", [0x80, 2, 0x4E, 0x4E, 0x87, 0x2E], "stack"),
    pickle("tuple reaches below a mark", [0x80, 2, 0x4E, 0x28, 0x85, 0x2E], "stack"),
    pickle("append to nothing", [0x80, 2, 0x4E, 0x61, 0x2E], "stack"),
    pickle("append to a number", [0x80, 2, 0x4B, 1, 0x4E, 0x61, 0x2E], "no list"),
    pickle("appends without mark", [0x80, 2, 0x5D, 0x65, 0x2E], "mark"),
    pickle("set item in a list", [0x80, 2, 0x5D, 0x4E, 0x4E, 0x73, 0x2E], "no dictionary"),
    pickle("set item in nothing", [0x80, 2, 0x4E, 0x4E, 0x73, 0x2E], "stack"),
    pickle("odd items", [0x80, 2, 0x7D, 0x28, 0x4E, 0x75, 0x2E], "no value"),
    pickle("set items without mark", [0x80, 2, 0x7D, 0x75, 0x2E], "mark"),
    pickle("unknown memo", [0x80, 2, 0x68, 7, 0x2E], "memo 7"),
    pickle("unknown long memo", [0x80, 2, 0x6A, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E], "memo 4294967295"),
    pickle("memo of nothing", [0x80, 2, 0x71, 0, 0x2E], "stack"),
    pickle("text of 4 GB", [0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0xFF, 0x61], "4294967295"),
    pickle("short text beyond the end", [0x80, 2, 0x55, 9, 0x61], "9 bytes"),
    pickle("text not UTF-8", [0x80, 2, 0x58, 1, 0, 0, 0, 0xFF, 0x2E], "UTF-8"),
    pickle("integer cut off", [0x80, 2, 0x4A, 0, 0], "truncated"),
    pickle("double cut off", [0x80, 2, 0x47, 0, 0, 0], "truncated"),
    pickle("long beyond the end", [0x80, 2, 0x8A, 255, 0], "255 bytes"),
    pickle(
      "class name without end", [0x80, 2, 0x63] + [UInt8](repeating: 0x61, count: 2000),
      "does not end"),
    pickle("class without a name", [0x80, 2] + Array("cos\nsystem".utf8), "does not end"),
    pickle("class name not UTF-8", [0x80, 2, 0x63, 0xFF, 0x0A, 0x61, 0x0A, 0x2E], "UTF-8"),
    pickle("call without arguments", [0x80, 2] + Array("cos\nsystem\nR.".utf8), "stack"),
    pickle("call with a number", [0x80, 2] + Array("cos\nsystem\nK\u{1}R.".utf8), "no tuple"),
    pickle("call of a number", [0x80, 2, 0x4B, 1, 0x29, 0x52, 0x2E], "no class"),
    pickle("new object of a number", [0x80, 2, 0x4B, 1, 0x29, 0x81, 0x2E], "no class"),
    pickle("state of a number", [0x80, 2, 0x4B, 1, 0x7D, 0x62, 0x2E], "no object"),
    pickle("state of nothing", [0x80, 2, 0x7D, 0x62, 0x2E], "no object"),
    pickle("persistent id on an empty stack", [0x80, 2, 0x51, 0x2E], "stack"),
    pickle("persistent id is text", [0x80, 2, 0x58, 1, 0, 0, 0, 0x61, 0x51, 0x2E], "no tuple"),
    pickle("persistent id is empty", [0x80, 2, 0x29, 0x51, 0x2E], "no storage"),
    value("persistent id of another kind", "no storage") {
      $0.bytes += [0x28]
      $0.text("module")
      $0.global("torch", "FloatStorage")
      $0.text("0")
      $0.text("cpu")
      $0.int(2)
      $0.bytes += [0x74, 0x51]
    },
    value("storage type is text", "no storage") {
      $0.bytes += [0x28]
      $0.text("storage")
      $0.text("FloatStorage")
      $0.text("0")
      $0.text("cpu")
      $0.int(2)
      $0.bytes += [0x74, 0x51]
    },
    value("storage count is text", "no storage") {
      $0.bytes += [0x28]
      $0.text("storage")
      $0.global("torch", "FloatStorage")
      $0.text("0")
      $0.text("cpu")
      $0.text("2")
      $0.bytes += [0x74, 0x51]
    },
    value("negative storage", "no storage") { $0.storage(type: "FloatStorage", count: -1) },
    value("storage count overflows", "elements") { $0.storage(type: "DoubleStorage", count: .max) },
    value("storage longer than its entry", "8 bytes") { $0.tensor(count: 3, shape: [2]) },
    value("storage of 2^60", "8 bytes") { $0.tensor(count: 1 << 60, shape: [2]) },
    value("storage of wider elements", "8 bytes") {
      $0.tensor(type: "DoubleStorage", count: 2, shape: [2])
    },
    value("storage of another name", "missing") { $0.tensor(key: "1", count: 2, shape: [2]) },
    value("storage with a path for a name", "missing") {
      $0.tensor(key: "../data/0", count: 2, shape: [2])
    },
    value("shape too long", "beyond") { $0.tensor(count: 2, shape: [3]) },
    value("offset too large", "beyond") { $0.tensor(count: 2, offset: 1, shape: [2]) },
    value("offset at the end", "beyond") { $0.tensor(count: 2, offset: 2, shape: [1]) },
    value("scalar beyond the end", "beyond") { $0.tensor(count: 2, offset: 2, shape: []) },
    value("stride too large", "beyond") { $0.tensor(count: 2, shape: [2], strides: [2]) },
    value("negative offset", "negative") { $0.tensor(count: 2, offset: -1, shape: [2]) },
    value("negative size", "negative") { $0.tensor(count: 2, shape: [-1], strides: [1]) },
    value("negative stride", "negative") { $0.tensor(count: 2, shape: [2], strides: [-1]) },
    value("fewer strides", "strides") { $0.tensor(count: 2, shape: [1, 2], strides: [1]) },
    value("more strides", "strides") { $0.tensor(count: 2, shape: [2], strides: [2, 1]) },
    value("shape overflows", "overflow") {
      $0.tensor(count: 2, shape: [1 << 40, 1 << 40], strides: [0, 0])
    },
    value("strides overflow", "overflow") {
      $0.tensor(count: 2, shape: [2, 2], strides: [.max, .max])
    },
    value("offset overflows", "overflow") {
      $0.tensor(count: 2, offset: .max, shape: [2], strides: [1])
    },
    value("rank 40", "dimensions") { $0.tensor(count: 2, shape: [Int](repeating: 1, count: 40)) },
    value("tensor without arguments", "arguments") {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.bytes += [0x29, 0x52]
    },
    value("tensor of a number", "other types") {
      $0.global("torch._utils", "_rebuild_tensor")
      $0.bytes.append(0x28)
      $0.int(1)
      $0.int(0)
      $0.tuple([2])
      $0.tuple([1])
      $0.bytes += [0x74, 0x52]
    },
    value("tensor shape is a number", "other types") {
      $0.global("torch._utils", "_rebuild_tensor")
      $0.bytes.append(0x28)
      $0.storage(type: "FloatStorage", count: 2)
      $0.int(0)
      $0.int(2)
      $0.tuple([1])
      $0.bytes += [0x74, 0x52]
    },
    value("tensor shape of texts", "other types") {
      $0.global("torch._utils", "_rebuild_tensor")
      $0.bytes.append(0x28)
      $0.storage(type: "FloatStorage", count: 2)
      $0.int(0)
      $0.bytes.append(0x28)
      $0.text("2")
      $0.bytes.append(0x74)
      $0.tuple([1])
      $0.bytes += [0x74, 0x52]
    },
    value("parameter without arguments", "arguments") {
      $0.global("torch._utils", "_rebuild_parameter")
      $0.bytes += [0x29, 0x52]
    },
    value("parameter of a number", "no tensor") {
      $0.global("torch._utils", "_rebuild_parameter")
      $0.bytes.append(0x28)
      $0.int(1)
      $0.bytes.append(0x88)
      $0.int(1)
      $0.bytes += [0x74, 0x52]
    },
    value("ordered dictionary of a number", "pairs") {
      $0.global("collections", "OrderedDict")
      $0.int(1)
      $0.bytes += [0x85, 0x52]
    },
    value("ordered dictionary of numbers", "pairs") {
      $0.global("collections", "OrderedDict")
      $0.tuple([1])
      $0.bytes += [0x85, 0x52]
    },
    value("size of a number", "no tuple") {
      $0.global("torch", "Size")
      $0.int(1)
      $0.bytes += [0x85, 0x52]
    },
    pickle(
      "a million values", [0x80, 2] + [UInt8](repeating: 0x4E, count: 1_100_000), "values"),
    pickle(
      "a million memos", [0x80, 2, 0x4E] + [UInt8](repeating: 0x71, count: 2_200_000), "values"),
    BrokenFile("two tensors of one name", twice(), "two tensors"),
  ]

  static func twice() -> [UInt8] {
    var pickle = TestPickle()
    pickle.dictionary {
      $0.item("a.b") { $0.tensor(count: 2, shape: [2]) }
      $0.item("a") { $0.dictionary { $0.item("b") { $0.tensor(count: 2, shape: [2]) } } }
    }
    return TestPickle.archive(pickle.finished)
  }

  @Test("the file that the others break is read")
  func goodFile() throws {
    #expect(try TorchFile(bytes: Self.good.bytes).tensor("a").shape == [2])
    #expect(try TorchFile(bytes: Self.wide { $0 }).keys == ["a"])
  }

  @Test("each broken rule of the zip is an error that says which", arguments: zips)
  func brokenZip(file: BrokenFile) { check(file) }

  @Test("each broken rule of the pickle is an error that says which", arguments: pickles)
  func brokenPickle(file: BrokenFile) { check(file) }

  private func check(_ file: BrokenFile) {
    let message = refusal { _ = try TorchFile(bytes: file.bytes, name: "model.pt") }
    #expect(message?.hasPrefix("model.pt: ") == true)
    #expect(message?.contains(file.expected) == true, "\(message ?? "accepted")")
  }

  @Test("every operation outside torch's list is refused", arguments: 0...255)
  func operations(operation: Int) {
    let allowed: Set<UInt8> = [
      0x80, 0x2E, 0x28, 0x4E, 0x88, 0x89, 0x4A, 0x4B, 0x4D, 0x8A, 0x47, 0x58, 0x55, 0x7D, 0x5D,
      0x29,
      0x8F, 0x74, 0x85, 0x86, 0x87, 0x61, 0x65, 0x73, 0x75, 0x68, 0x6A, 0x71, 0x72, 0x63, 0x52,
      0x62,
      0x81, 0x51,
    ]
    let byte = UInt8(operation)
    let bytes: [UInt8] = [0x80, 2, 0x7D, byte] + [UInt8](repeating: 0x2E, count: 12)
    let message = refusal { _ = try TorchFile(bytes: TestPickle.archive(bytes)) }
    let isRefusedByName = message?.contains("is not one that torch.save writes") == true
    #expect(isRefusedByName == !allowed.contains(byte), "\(message ?? "accepted")")
  }

  @Test("every truncation of the file and of its pickle is refused")
  func truncations() {
    for count in 0..<Self.good.bytes.count {
      let message = refusal { _ = try TorchFile(bytes: Array(Self.good.bytes[..<count])) }
      #expect(message != nil, "the first \(count) bytes were accepted")
    }
    for count in 0..<Self.goodPickle.count {
      let bytes = TestPickle.archive(Array(Self.goodPickle[..<count]))
      #expect(refusal { _ = try TorchFile(bytes: bytes) } != nil, "\(count) bytes of pickle")
    }
  }

  @Test("no changed byte makes the reader crash or read outside the file")
  func changedBytes() {
    var accepted = 0
    for index in Self.good.bytes.indices {
      for value: UInt8 in [0, 1, 0x28, 0x7F, 0xFF] {
        guard let file = try? TorchFile(bytes: Self.good.patched(index, [value])) else { continue }
        accepted += 1
        for key in file.keys { _ = try? file.tensor(key).floats() }
      }
    }
    for index in Self.goodPickle.indices {
      for value: UInt8 in [0, 1, 0x28, 0x52, 0x7F, 0xFF] {
        var pickle = Self.goodPickle
        pickle[index] = value
        guard let file = try? TorchFile(bytes: TestPickle.archive(pickle)) else { continue }
        accepted += 1
        for key in file.keys { _ = try? file.tensor(key).floats() }
      }
    }
    #expect(accepted > 0)
  }

  @Test("a tensor that repeats one element without bound is refused when read, not allocated")
  func expanded() throws {
    let bytes = TestPickle.file {
      $0.tensor(count: 2, shape: [1 << 30, 1 << 20], strides: [0, 1 >> 1])
    }
    let file = try TorchFile(bytes: bytes)
    #expect(refusal { _ = try file.tensor("a") }?.contains("repeats") == true)
  }

  @Test("sizes and strides that stand for nothing may be anything")
  func emptyAndUnitDimensions() throws {
    let empty = try TorchFile(
      bytes: TestPickle.file {
        $0.tensor(count: 2, shape: [0, 1 << 62, 4], strides: [.max, 4, 1])
      })
    #expect(try empty.tensor("a").count == 0)
    let unit = try TorchFile(
      bytes: TestPickle.file { $0.tensor(count: 2, offset: 1, shape: [1, 2], strides: [.max, 0]) })
    #expect(try unit.tensor("a").floats() == [0, 0])
  }

  @Test("foreign storages make their tensors opaque, not the file")
  func foreignStorage() throws {
    let file = try TorchFile(
      bytes: TestPickle.file { $0.tensor(type: "ComplexFloatStorage", count: 1, shape: [1]) })
    #expect(file.keys.isEmpty)
    #expect(refusal { _ = try file.tensor("a") }?.contains("ComplexFloatStorage") == true)
  }
}
