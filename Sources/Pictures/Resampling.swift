import Foundation

/// The kernels that mix a new pixel from old ones, under Pillow's names.
package enum ResamplingMethod: String, CaseIterable, Sendable {
  case nearest
  case bilinear
  case bicubic
  case lanczos

  /// The distance that the kernel reaches, in source pixels where the scale is 1.
  package var support: Double {
    switch self {
    case .nearest: 0.5
    case .bilinear: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The kernel's value at a distance.
  package func weight(_ distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .nearest: return x <= 0.5 ? 1 : 0
    case .bilinear: return x < 1 ? 1 - x : 0
    case .bicubic:
      // Keys' cubic with a = -1/2.
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
    case .lanczos:
      guard distance >= -3, distance < 3 else { return 0 }
      return sinc(distance) * sinc(distance / 3)
    }
  }

  private func sinc(_ x: Double) -> Double {
    guard x != 0 else { return 1 }
    let angle = x * .pi
    return sin(angle) / angle
  }
}

/// A part of a picture, whose borders may be fractions of pixels.
///
/// They have single precision, as Pillow's have.
package struct ResamplingBox: Equatable {
  package var left: Float
  package var top: Float
  package var right: Float
  package var bottom: Float

  /// Makes a box around the whole picture.
  package init(_ image: PixelImage) {
    (left, top, right, bottom) = (0, 0, Float(image.width), Float(image.height))
  }
}

extension PixelImage {
  /// Resizes the picture, or the part of it inside `box`, and gives the bytes of Pillow's `resize`.
  ///
  /// As in Pillow the kernel is stretched when a picture shrinks (antialias), weights are rounded
  /// to 22-bit fixed point, and the result of the first pass is rounded to bytes before the second
  /// pass.
  package func resized(
    width newWidth: Int, height newHeight: Int, method: ResamplingMethod,
    box: ResamplingBox? = nil
  ) -> PixelImage {
    let box = box ?? ResamplingBox(self)
    if method == .nearest { return pickedNearest(width: newWidth, height: newHeight, box: box) }
    let columns = ResamplingTaps(
      sourceCount: width, from: box.left, to: box.right, count: newWidth, method: method)
    let rows = ResamplingTaps(
      sourceCount: height, from: box.top, to: box.bottom, count: newHeight, method: method)
    let needsColumns = newWidth != width || box.left != 0 || box.right != Float(width)
    let needsRows = newHeight != height || box.top != 0 || box.bottom != Float(height)
    var image = self
    // Pillow 13 resizes the rows first when the height loses more than twice as many pixels as the
    // width. The order matters because of the rounding between the passes.
    let rowsFirst = newHeight < height && height - newHeight > 2 * (width - newWidth)
    if needsRows, rowsFirst { image = image.resampledVertically(rows) }
    if needsColumns { image = image.resampledHorizontally(columns) }
    if needsRows, !rowsFirst { image = image.resampledVertically(rows) }
    return image
  }

  private func pickedNearest(
    width newWidth: Int, height newHeight: Int, box: ResamplingBox
  )
    -> PixelImage
  {
    func sources(_ count: Int, from start: Float, to end: Float, limit: Int) -> [Int] {
      let scale = Double(end - start) / Double(count)
      var position = Double(start) + scale * 0.5
      return (0..<count).map { _ in
        defer { position += scale }
        return min(max(Int(position), 0), limit - 1)
      }
    }
    let columns = sources(newWidth, from: box.left, to: box.right, limit: width)
    let rows = sources(newHeight, from: box.top, to: box.bottom, limit: height)
    var result: [UInt8] = []
    result.reserveCapacity(newWidth * newHeight * channels)
    for row in rows {
      for column in columns {
        let start = (row * width + column) * channels
        result.append(contentsOf: bytes[start..<start + channels])
      }
    }
    return PixelImage(width: newWidth, height: newHeight, channels: channels, bytes: result)
  }

  private func resampledHorizontally(_ taps: ResamplingTaps) -> PixelImage {
    var result = PixelImage(width: taps.count, height: height, channels: channels)
    result.bytes.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBufferPointer { source in
        for row in 0..<height {
          for column in 0..<taps.count {
            let first = row * width + taps.starts[column]
            for channel in 0..<channels {
              var sum = ResamplingTaps.half
              for (offset, weight) in taps.weights[column].enumerated() {
                sum += Int(source[(first + offset) * channels + channel]) * weight
              }
              target[(row * taps.count + column) * channels + channel] = ResamplingTaps.byte(sum)
            }
          }
        }
      }
    }
    return result
  }

  private func resampledVertically(_ taps: ResamplingTaps) -> PixelImage {
    var result = PixelImage(width: width, height: taps.count, channels: channels)
    let rowCount = width * channels
    result.bytes.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBufferPointer { source in
        for row in 0..<taps.count {
          let first = taps.starts[row] * rowCount
          for value in 0..<rowCount {
            var sum = ResamplingTaps.half
            for (offset, weight) in taps.weights[row].enumerated() {
              sum += Int(source[first + offset * rowCount + value]) * weight
            }
            target[row * rowCount + value] = ResamplingTaps.byte(sum)
          }
        }
      }
    }
    return result
  }
}

/// The source pixels and fixed-point weights of every pixel along one axis.
private struct ResamplingTaps {
  /// The fixed-point bits of a weight: of 32 bits, 8 are for the byte and 2 for overshoot.
  static let precision = 22
  static let half = 1 << (precision - 1)

  let starts: [Int]
  let weights: [[Int]]
  var count: Int { starts.count }

  init(sourceCount: Int, from start: Float, to end: Float, count: Int, method: ResamplingMethod) {
    let scale = Double(end - start) / Double(count)
    let stretch = max(scale, 1)
    let support = method.support * stretch
    var starts: [Int] = []
    var weights: [[Int]] = []
    for index in 0..<count {
      let center = Double(start) + (Double(index) + 0.5) * scale
      let first = max(Int(center - support + 0.5), 0)
      let last = min(Int(center + support + 0.5), sourceCount)
      let inverse = 1 / stretch
      var taps = (first..<last).map { method.weight((Double($0) - center + 0.5) * inverse) }
      let sum = taps.reduce(0, +)
      if sum != 0 { taps = taps.map { $0 / sum } }
      starts.append(first)
      weights.append(taps.map(Self.fixedPoint))
    }
    self.starts = starts
    self.weights = weights
  }

  static func fixedPoint(_ weight: Double) -> Int {
    let scaled = weight * Double(1 << precision)
    return Int(weight < 0 ? scaled - 0.5 : scaled + 0.5)
  }

  static func byte(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> precision) }
}
