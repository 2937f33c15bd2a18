import Foundation
import ResgraphFiles
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

/// Whether two tensors have the same type, shape and bytes.
func identical(_ left: RawTensor, _ right: RawTensor) -> Bool {
  left.dtype == right.dtype && left.shape == right.shape
    && left.withUnsafeBytes { Array($0) } == right.withUnsafeBytes { Array($0) }
}

@Suite("Torch files")
struct TorchFileTests {
  private func path(_ name: String) -> String { fixtures + "/torch/" + name }

  @Test(
    "files of torch.save read as torch reads them",
    arguments: [
      ("kinds.pt", "kinds.safetensors"), ("views.pt", "views.safetensors"),
      ("nested.bin", "nested.safetensors"), ("groupnorm_nested.pt", "groupnorm.safetensors"),
      ("groupnorm_flat.pt", "groupnorm.safetensors"),
    ])
  func contents(name: String, expected: String) throws {
    let file = try openWeightFile(path(name))
    let reference = try SafetensorsFile(path: path(expected))
    #expect(file is TorchFile)
    #expect(file.keys == reference.keys)
    for key in reference.keys {
      #expect(file.entry(key) == reference.entry(key), "\(key)")
      #expect(identical(try file.tensor(key), try reference.tensor(key)), "\(key)")
    }
  }

  @Test("foreign classes stay inert, and only what depends on them is refused")
  func lightning() throws {
    let file = try TorchFile(path: path("lightning.ckpt"))
    #expect(file.keys == ["model.bias", "model.weight"])
    #expect(file.scalars["global_step"] == 875_000)
    #expect(try file.tensor("model.weight").shape == [6, 5])
    let message = refusal { _ = try file.tensor("foreign") }
    #expect(
      message?.contains("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint") == true)
    #expect(refusal { _ = try file.tensor("absent") }?.contains("no tensor 'absent'") == true)
  }

  @Test(
    "other forms are named for what they are",
    arguments: [
      ("legacy.pt", "before version 1.6"), ("script.pt", "TorchScript"),
      ("bare.pt", "not a dictionary"),
    ])
  func otherForms(name: String, expected: String) {
    let message = refusal { _ = try openWeightFile(path(name)) }
    #expect(message?.contains(expected) == true, "\(message ?? "accepted")")
  }

  @Test("other files are named for what they are")
  func otherFiles() throws {
    let tar =
      [UInt8](repeating: 0, count: 257) + Array("ustar".utf8) + [UInt8](repeating: 0, count: 300)
    let cases: [([UInt8], String)] = [
      (tar, "tar archive"), ([0x1F, 0x8B, 8, 0], "gzip"),
      ([0x80, 4, 0x95, 0], "bare Python pickle"),
      (Array("GGUF    ".utf8), "GGUF"), (Array("<html><body>".utf8), "web page"),
      (Array("hello, world".utf8), "neither"),
    ]
    let folder = try TemporaryFolder()
    for (index, (bytes, expected)) in cases.enumerated() {
      let path = try folder.write(bytes, to: "\(index).bin")
      let message = refusal { _ = try openWeightFile(path) }
      #expect(message?.contains(expected) == true, "\(message ?? "accepted")")
    }
  }

  @Test("a damaged storage is found when it is read, a damaged pickle when the file is opened")
  func checksums() throws {
    let zip = try TestZip(
      parsing: Array(Data(contentsOf: URL(fileURLWithPath: path("nested.bin")))))
    let storage = try #require(
      zip.entries.first { $0.name.contains("/data/") && $0.content.count > 8 })
    var bytes = zip.bytes
    bytes[storage.contentOffset + 3] ^= 0x40
    let file = try TorchFile(bytes: bytes)
    let refused = file.keys.filter { key in refusal { _ = try file.tensor(key) } != nil }
    #expect(!refused.isEmpty)
    #expect(refusal { _ = try file.tensor(refused[0]) }?.contains("checksum") == true)
    let pickle = try #require(zip.entries.first { $0.name.hasSuffix("data.pkl") })
    bytes = zip.bytes
    bytes[pickle.contentOffset + pickle.content.count - 2] ^= 1
    #expect(refusal { _ = try TorchFile(bytes: bytes) }?.contains("checksum") == true)
  }

  @Test("big-endian storages are turned")
  func bigEndian() throws {
    var pickle = TestPickle()
    pickle.dictionary { $0.item("a") { $0.tensor(type: "FloatStorage", count: 2, shape: [2]) } }
    let data = [1.5, -2].flatMap { (value: Float) in littleEndian(value.bitPattern).reversed() }
    let zip = TestZip([
      ("archive/data.pkl", pickle.finished), ("archive/byteorder", Array("big".utf8)),
      ("archive/data/0", data),
    ])
    #expect(try TorchFile(bytes: zip.bytes).tensor("a").floats() == [1.5, -2])
  }

  @Test("reading a foreign or hostile pickle never runs anything and never recurses")
  func deepNesting() throws {
    // A million lists inside each other, and a dictionary that holds itself.
    let nested: [UInt8] =
      [0x80, 2, UInt8(ascii: "}"), 0x58, 1, 0, 0, 0, 0x61]
      + [UInt8](repeating: 0x5D, count: 900_000) + [UInt8](repeating: 0x61, count: 899_999)
      + [UInt8(ascii: "s"), UInt8(ascii: ".")]
    let deep = TestZip([("a/data.pkl", nested)])
    #expect(try TorchFile(bytes: deep.bytes).keys.isEmpty)
    let cycle: [UInt8] = [
      0x80, 2, 0x7D, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x68, 0, 0x73, 0x2E,
    ]
    let message = refusal { _ = try TorchFile(bytes: TestZip([("a/data.pkl", cycle)]).bytes) }
    #expect(message?.contains("nested deeper") == true)
  }

  @Test("a pickle that refers to one dictionary exponentially often is refused")
  func expansion() {
    // d1 = {a: d0, b: d0}, d2 = {a: d1, b: d1}, …: 2^24 paths in a few hundred bytes.
    var bytes: [UInt8] = [0x80, 2, 0x7D, 0x58, 1, 0, 0, 0, 0x74, 0x28, 0x7D, 0x71, 0]
    for level in 0..<UInt8(24) {
      bytes += [0x7D, 0x71, level + 1]
      for name in [UInt8(ascii: "a"), UInt8(ascii: "b")] {
        bytes += [0x58, 1, 0, 0, 0, name, 0x68, level, 0x73]
      }
    }
    bytes += [0x74, 0x73, 0x58, 1, 0, 0, 0, 0x7A, 0x68, 24, 0x73, 0x2E]
    let message = refusal { _ = try TorchFile(bytes: TestZip([("a/data.pkl", bytes)]).bytes) }
    #expect(message?.contains("more than") == true, "\(message ?? "accepted")")
  }
}
