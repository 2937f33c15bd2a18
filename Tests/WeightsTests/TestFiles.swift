import Foundation
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphWeights

extension TemporaryFolder {
  /// Writes tensors as safetensors.
  @discardableResult
  func write(_ tensors: [String: RawTensor], to name: String) throws -> String {
    try write(SafetensorsWriter.encode(tensors), to: name)
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

/// The reason when something is refused with an error a user can read, nil when it is accepted.
///
/// An error of another type fails the test.
func refusal(
  sourceLocation: SourceLocation = #_sourceLocation, _ open: () throws -> Void
) -> String? {
  do {
    try open()
    return nil
  } catch let error as WeightError {
    return error.description
  } catch {
    Issue.record(error, "refused with another error", sourceLocation: sourceLocation)
    return nil
  }
}
