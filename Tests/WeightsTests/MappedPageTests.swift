import Foundation
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

/// What of a mapped file stays in this process's memory once its tensors are read.
@Suite struct MappedPageTests {
  /// Bytes of a mapped file that are in memory; nil where the system does not say.
  private func residentBytes(of path: String) throws -> Int? {
    // Files of /proc have no length, so this one is read to its end.
    guard let handle = FileHandle(forReadingAtPath: "/proc/self/smaps") else { return nil }
    defer { try? handle.close() }
    let text = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self)
    var isOwn = false
    var kibibytes = 0
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if line.contains("-"), fields.count >= 5, !(fields.first?.hasSuffix(":") ?? false) {
        isOwn = line.hasSuffix(path)
      } else if isOwn, line.hasPrefix("Rss:"), fields.count > 1 {
        kibibytes += Int(fields[1]) ?? 0
      }
    }
    return kibibytes << 10
  }

  private let shape = [1024, 1024]

  @Test func conversionLeavesNoPages() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(["weight": testTensor(shape)], to: "a.safetensors")
    let tensor = try SafetensorsFile(path: path).tensor("weight")
    let byteCount = tensor.byteCount
    // Reading in place does leave them, so that the measurement is one.
    let sum = tensor.withUnsafeBytes { bytes in bytes.reduce(0) { $0 &+ Int($1) } }
    guard let before = try residentBytes(of: path) else { return }
    #expect(sum != 0)
    #expect(before >= byteCount)
    let first = tensor.floats()
    let after = try #require(try residentBytes(of: path))
    #expect(after < byteCount / 10)
    #expect(tensor.floats() == first, "reading again stays correct")
  }

  @Test func mergingLeavesNoPagesOfTheModel() throws {
    let folder = try TemporaryFolder()
    let module = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    let path = try folder.write(["\(module).weight": testTensor(shape)], to: "model.safetensors")
    let adapter = try LoRAAdapter(
      MemorySource(
        [
          "unet.\(module).lora_A.weight": testTensor([4, 1024]),
          "unet.\(module).lora_B.weight": testTensor([1024, 4]),
        ], location: "lora"))
    let file = try SafetensorsFile(path: path)
    let base = try file.tensor("\(module).weight")
    let merged = try LoRASource(base: file, adapter: adapter, scale: 1).tensor("\(module).weight")
    #expect(base.withUnsafeBytes { bytes in bytes.reduce(0) { $0 &+ Int($1) } } != 0)
    let before = try residentBytes(of: path)
    let values = merged.floats()
    if let before, let after = try residentBytes(of: path) {
      #expect(before >= merged.byteCount && after < merged.byteCount / 10)
    }
    #expect(values != base.floats())
  }
}
