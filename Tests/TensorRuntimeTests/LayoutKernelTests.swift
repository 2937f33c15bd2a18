import CKernels
import Testing

@testable import TensorRuntime

/// Packing and transposing, against their definitions.
struct LayoutKernelTests {
  struct Shape: Sendable, CustomStringConvertible {
    let outputs: Int
    let inputs: Int
    let taps: Int
    let gated: Bool
    let tapsFirst: Bool
    var description: String {
      "\(outputs)x\(inputs)x\(taps)\(gated ? " gated" : "")\(tapsFirst ? " taps first" : "")"
    }
  }

  private static let sets = runnableKernels

  private static let shapes = [1, 7, 16, 33, 70].flatMap { inputs in
    [2, 8, 40, 64, 70].flatMap { outputs in
      [(1, false), (9, false), (9, true)].flatMap { taps, first in
        [false, true].map {
          Shape(outputs: outputs, inputs: inputs, taps: taps, gated: $0, tapsFirst: first)
        }
      }
    }
  }

  /// Distinct patterns, none of which is zero: zeros stand for padding.
  private func source(_ count: Int, bytesEach: Int) -> [UInt8] {
    (0..<count * bytesEach).map { UInt8(truncatingIfNeeded: $0 &* 167 / 3 + 1) | 1 }
  }

  @Test(arguments: shapes) func panelsHoldEveryWeightInItsPlace(shape: Shape) {
    for kernels in Self.sets {
      for (type, bytesEach) in [(CK_FLOAT32, 4), (CK_FLOAT16, 2), (CK_BFLOAT16, 2)] {
        check(shape, kernels, type, bytesEach)
      }
    }
  }

  private func check(_ shape: Shape, _ kernels: KernelSet, _ type: ck_weight_type, _ size: Int) {
    let (panel, lanes) = (kernels.panel, kernels.panel / 2)
    let depth = shape.inputs * shape.taps
    let from = source(shape.outputs * depth, bytesEach: size)
    let byteCount = kernels.table.pointee.packed_bytes(depth, shape.outputs, shape.gated, type)
    var packed = [UInt8](repeating: 0xee, count: byteCount)
    let half = shape.outputs / 2
    let panels =
      shape.gated ? (half + lanes - 1) / lanes : (shape.outputs + panel - 1) / panel
    from.withUnsafeBytes { from in
      packed.withUnsafeMutableBytes { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        var packing = ck_packing(
          source: from, source_type: type, outputs: shape.outputs, inputs: shape.inputs,
          taps: shape.taps, taps_first: shape.tapsFirst, gated: shape.gated, packed: to,
          packed_type: type)
        kernels.table.pointee.pack_weights(&packing, 0, panels)
      }
    }
    var expected = [UInt8](repeating: 0, count: byteCount)
    for index in 0..<panels {
      let width = !shape.gated && shape.outputs - index * panel <= lanes ? lanes : panel
      for column in 0..<width {
        var output = index * panel + column
        if shape.gated {
          let value = index * lanes + column % lanes
          if value >= half { continue }
          output = column < lanes ? value : half + value
        }
        if output >= shape.outputs { continue }
        for place in 0..<depth {
          let row =
            shape.tapsFirst ? place % shape.taps * shape.inputs + place / shape.taps : place
          let to = (index * depth * panel + row * width + column) * size
          let first = (output * depth + place) * size
          expected[to..<to + size] = from[first..<first + size]
        }
      }
    }
    #expect(packed == expected, "\(kernels.name) \(shape) \(size) bytes")
  }

  @Test(arguments: [1, 3, 4, 16, 17, 50], [1, 3, 15, 16, 33, 130])
  func transposesAreExact(rows: Int, columns: Int) {
    let values = (0..<rows * columns).map { Float($0) }
    for kernels in Self.sets {
      var result = [Float](repeating: -1, count: values.count)
      // In two parts, as threads would.
      for part in [0..<min(16, rows), min(16, rows)..<rows] {
        kernels.table.pointee.transpose(
          values, &result, rows, columns, part.lowerBound, part.upperBound)
      }
      for row in 0..<rows {
        for column in 0..<columns {
          #expect(result[row * columns + column] == values[column * rows + row])
        }
      }
    }
  }
}
