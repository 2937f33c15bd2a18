import Foundation
import TensorRuntime

@testable import ResgraphWeights

/// A folder of one test, removed when the test ends.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "weights-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file, making the folders above it.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let folder = (file(name) as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  @discardableResult
  func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }

  /// Writes tensors as safetensors.
  @discardableResult
  func write(_ tensors: [String: RawTensor], _ name: String) throws -> String {
    try write(SafetensorsWriter.encode(tensors), name)
  }
}

/// A safetensors file from a header text and data, with the true header length.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + data
}

func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// Reproducible numbers in -1...1 for test tensors.
func testTensor(_ shape: [Int], seed: UInt64 = 1) -> RawTensor {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  let values = (0..<shape.reduce(1, *)).map { _ -> Float in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
  }
  return RawTensor(values, shape: shape)
}

/// The folder of the committed fixtures of this target.
let fixtures = (#filePath as NSString).deletingLastPathComponent + "/Fixtures"

/// The reason when the bytes are refused with an error a user can read, nil when they are accepted.
func refusal(_ open: () throws -> Void) -> String? {
  do {
    try open()
    return nil
  } catch let error as WeightError {
    return error.description
  } catch {
    return nil
  }
}
