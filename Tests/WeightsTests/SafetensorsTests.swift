import Foundation
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

@Suite("Safetensors")
struct SafetensorsTests {
  @Test("a written file reads back, metadata and every element type included")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    var tensors = [
      "a.weight": testTensor([2, 3]), "scalar": testTensor([]), "empty": testTensor([0, 4]),
    ]
    tensors["half"] = .owned(dtype: .float16, shape: [3], elements: [1, -2, 0.5] as [Float16])
    tensors["long"] = .owned(dtype: .int64, shape: [2], elements: [Int64.max, -1])
    tensors["flags"] = .owned(dtype: .bool, shape: [3], elements: [1, 0, 1] as [UInt8])
    let path = folder.file("x.safetensors")
    try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.keys == tensors.keys.sorted())
    #expect(file.metadata == ["format": "pt"])
    for (key, tensor) in tensors {
      let read = try file.tensor(key)
      #expect(read.shape == tensor.shape && read.dtype == tensor.dtype)
      #expect(read.withUnsafeBytes { Array($0) } == tensor.withUnsafeBytes { Array($0) })
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["x.safetensors"])
  }

  @Test("writing converts floats to half when asked and keeps integers")
  func conversion() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.safetensors")
    let tensors = [
      "w": RawTensor([1, 2.5, -3], shape: [3]),
      "ids": RawTensor.owned(dtype: .int64, shape: [1], elements: [7 as Int64]),
    ]
    try SafetensorsWriter.write(tensors, to: path, as: .float16)
    let file = try SafetensorsFile(path: path)
    #expect(file.entry("w") == WeightEntry(dtype: .float16, shape: [3]))
    #expect(try file.tensor("w").floats() == [1, 2.5, -3])
    #expect(file.entry("ids")?.dtype == .int64)
  }

  @Test("a failed write leaves the old file and no temporary one")
  func failedWrite() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "x.safetensors")
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try AtomicFile.write(path: path) { write in
        try [1, 2, 3].withUnsafeBytes { try write($0) }
        throw Stop()
      }
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["x.safetensors"])
    #expect(throws: WeightError.self) {
      try SafetensorsWriter.write([:], to: folder.file("absent/x.safetensors"))
    }
  }

  @Test("data that starts at an odd address is read")
  func unaligned() throws {
    let header =
      #"{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
      + #""f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}"#
    let data =
      [7] + littleEndian((1.5 as Float).bitPattern) + littleEndian((-2 as Float).bitPattern)
    let folder = try TemporaryFolder()
    let path = try folder.write(safetensors(header, data: data), to: "x")
    #expect(try SafetensorsFile(path: path).tensor("f").floats() == [1.5, -2])
  }

  @Test("a tensor of a type that is not read is refused alone, and only when asked for")
  func unknownType() throws {
    let header =
      #"{"q":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"#
      + #""n":{"dtype":"NEW","shape":[9],"data_offsets":[2,3]},"#
      + #""u":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}"#
    let file = try SafetensorsFile(bytes: safetensors(header, data: [1, 2, 3, 4]))
    #expect(file.keys == ["u"])
    #expect(file.unreadable == ["q": "F8_E4M3", "n": "NEW"])
    #expect(refusal { _ = try file.tensor("q") }?.contains("F8_E4M3") == true)
    #expect(refusal { _ = try WeightScope(file).tensor("n", shape: [9]) }?.contains("NEW") == true)
  }

  @Test("what is no weight file is named for what it is")
  func notWeights() throws {
    let folder = try TemporaryFolder()
    #expect(throws: WeightError.fileMissing(path: folder.file("no"))) {
      try SafetensorsFile(path: folder.file("no"))
    }
    #expect(throws: WeightError.notARegularFile(path: folder.path)) {
      try SafetensorsFile(path: folder.path)
    }
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(throws: WeightError.notARegularFile(path: pipe)) { try SafetensorsFile(path: pipe) }
    #expect(throws: WeightError.notARegularFile(path: "/dev/zero")) {
      try SafetensorsFile(path: "/dev/zero")
    }
    let pointer = try folder.write(
      "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", to: "lfs")
    #expect(throws: WeightError.lfsPointer(path: pointer)) { try SafetensorsFile(path: pointer) }
  }

  @Test("a file truncated after opening is noticed")
  func truncatedLater() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(["w": testTensor([64, 64])], to: "x")
    let file = try SafetensorsFile(path: path)
    #expect(truncate(path, 100) == 0)
    #expect(throws: WeightError.fileChanged(path: path)) { try file.tensor("w") }
  }

  @Test("digests follow the content, not the name")
  func digests() throws {
    let folder = try TemporaryFolder()
    let a = try folder.write(["w": testTensor([4])], to: "a")
    let b = try folder.write(["w": testTensor([4])], to: "b")
    let c = try folder.write(["w": testTensor([4], seed: 2)], to: "c")
    #expect(try SafetensorsFile(path: a).digest == SafetensorsFile(path: b).digest)
    #expect(try SafetensorsFile(path: a).digest != SafetensorsFile(path: c).digest)
    try folder.write("abc", to: "abc")
    // The published test vector of SHA-256.
    #expect(
      try Digest.file(folder.file("abc"))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    try folder.write("other", to: "abc")
    #expect(try !Digest.file(folder.file("abc")).hasPrefix("ba7816bf"))
  }
}

@Suite("Weight scopes")
struct WeightScopeTests {
  let source = MemorySource([
    "conv.weight": testTensor([2, 3]), "conv.bias": testTensor([2]), "blocks.0.w": testTensor([1]),
    "blocks.10.w": testTensor([1]),
  ])

  @Test("members are read by path and checked for shape")
  func paths() throws {
    let scope = WeightScope(source)
    #expect(try scope["conv"].tensor("weight", shape: [2, 3]).shape == [2, 3])
    #expect(try scope["blocks"][10].tensor("w", shape: [1]).count == 1)
    #expect(try scope["conv"].optionalTensor("scale", shape: [1]) == nil)
    #expect(
      scope.has("conv") && scope.has("conv.bias") && !scope.has("con") && !scope.has("blocks.1"))
  }

  @Test("errors name path, expected and found")
  func errors() {
    let scope = WeightScope(source)["conv"]
    #expect(
      refusal { _ = try scope.tensor("weight", shape: [3, 2]) }
        == "memory: tensor 'conv.weight': expected shape [3, 2], found [2, 3]")
    #expect(
      refusal { _ = try scope.tensor("wieght", shape: [1]) }
        == "memory: no tensor 'conv.wieght'; did you mean 'conv.weight'?")
    #expect(throws: WeightError.self) { try scope.optionalTensor("bias", shape: [3]) }
  }

  @Test("tensors that nothing asked for are found")
  func unused() throws {
    let scope = WeightScope(source)
    _ = try scope["conv"].tensor("weight", shape: [2, 3])
    #expect(
      throws: WeightError.unusedTensors(
        source: "memory", keys: ["blocks.0.w", "blocks.10.w", "conv.bias"])
    ) { try scope.verifyAllUsed() }
    #expect(throws: WeightError.self) { try scope["conv"].verifyAllUsed() }
    _ = try scope["conv"].tensor("bias", shape: [2])
    try scope["conv"].verifyAllUsed()
    try scope.verifyAllUsed { $0.hasPrefix("blocks") }
  }
}
