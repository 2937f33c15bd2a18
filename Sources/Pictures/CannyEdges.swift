/// Canny's edge detector, which gives the same pixels as OpenCV's `Canny(image, low, high)`.
///
/// It takes 3x3 Sobel derivatives and L1 magnitudes. On colour pictures each pixel takes the
/// channel with the largest gradient.
package struct CannyEdges {
  /// The magnitude above which a pixel belongs to an edge if it touches one.
  package let low: Int
  /// The magnitude above which a pixel starts an edge.
  package let high: Int

  package init(low: Double, high: Double) {
    // OpenCV swaps the thresholds when they are in the wrong order, and compares whole numbers.
    self.low = Int(min(low, high).rounded(.down))
    self.high = Int(max(low, high).rounded(.down))
  }

  private enum Mark {
    static let none: UInt8 = 0
    static let weak: UInt8 = 1
    static let edge: UInt8 = 255
  }

  /// Detects the edges, and returns a grey picture that is 255 on edges and 0 elsewhere.
  package func callAsFunction(_ image: PixelImage) -> PixelImage {
    let gradient = SobelGradient(image)
    var marks = [UInt8](repeating: Mark.none, count: image.width * image.height)
    var strong: [Int] = []
    for y in 0..<image.height {
      for x in 0..<image.width where gradient.isRidge(x: x, y: y, above: low) {
        let pixel = y * image.width + x
        if gradient.magnitude(x, y) > high {
          marks[pixel] = Mark.edge
          strong.append(pixel)
        } else {
          marks[pixel] = Mark.weak
        }
      }
    }
    follow(strong, in: &marks, width: image.width, height: image.height)
    let bytes = marks.map { $0 == Mark.edge ? UInt8(255) : 0 }
    return PixelImage(width: image.width, height: image.height, channels: 1, bytes: bytes)
  }

  /// Marks weak pixels that touch an edge as edge, until no more are found.
  private func follow(_ strong: [Int], in marks: inout [UInt8], width: Int, height: Int) {
    var open = strong
    while let pixel = open.popLast() {
      let (x, y) = (pixel % width, pixel / width)
      for row in max(0, y - 1)...min(height - 1, y + 1) {
        for column in max(0, x - 1)...min(width - 1, x + 1)
        where marks[row * width + column] == Mark.weak {
          marks[row * width + column] = Mark.edge
          open.append(row * width + column)
        }
      }
    }
  }
}

/// The Sobel derivatives of a picture and their L1 magnitude.
private struct SobelGradient {
  private let width: Int
  private let height: Int
  private var horizontal: [Int32]
  private var vertical: [Int32]
  private var magnitudes: [Int32]

  init(_ image: PixelImage) {
    width = image.width
    height = image.height
    horizontal = [Int32](repeating: 0, count: width * height)
    vertical = horizontal
    magnitudes = horizontal
    for y in 0..<height {
      let rows = (
        max(y - 1, 0) * width, y * width, min(y + 1, height - 1) * width
      )
      for x in 0..<width {
        let (left, right) = (max(x - 1, 0), min(x + 1, width - 1))
        for channel in 0..<image.channels {
          func value(_ row: Int, _ column: Int) -> Int32 {
            Int32(image.bytes[(row + column) * image.channels + channel])
          }
          let dx =
            value(rows.0, right) - value(rows.0, left)
            + 2 * (value(rows.1, right) - value(rows.1, left))
            + value(rows.2, right) - value(rows.2, left)
          let dy =
            value(rows.2, left) - value(rows.0, left)
            + 2 * (value(rows.2, x) - value(rows.0, x))
            + value(rows.2, right) - value(rows.0, right)
          let magnitude = abs(dx) + abs(dy)
          // Of equal magnitudes the first channel's counts.
          if channel == 0 || magnitude > magnitudes[rows.1 + x] {
            horizontal[rows.1 + x] = dx
            vertical[rows.1 + x] = dy
            magnitudes[rows.1 + x] = magnitude
          }
        }
      }
    }
  }

  /// The magnitude at a pixel; 0 outside.
  func magnitude(_ x: Int, _ y: Int) -> Int {
    guard x >= 0, y >= 0, x < width, y < height else { return 0 }
    return Int(magnitudes[y * width + x])
  }

  /// Whether the magnitude exceeds `low` and is at least that of both neighbours across the edge.
  ///
  /// The direction is one of four, split at tan 22.5 degrees in 15-bit fixed point.
  func isRidge(x: Int, y: Int, above low: Int) -> Bool {
    let value = magnitude(x, y)
    guard value > low else { return false }
    let (dx, dy) = (Int(horizontal[y * width + x]), Int(vertical[y * width + x]))
    let tangent22 = 13_573
    let across = abs(dx) * tangent22
    let along = abs(dy) << 15
    if along < across {
      return value > magnitude(x - 1, y) && value >= magnitude(x + 1, y)
    }
    if along > across + (abs(dx) << 16) {
      return value > magnitude(x, y - 1) && value >= magnitude(x, y + 1)
    }
    let side = (dx ^ dy) < 0 ? -1 : 1
    return value > magnitude(x - side, y - 1) && value > magnitude(x + side, y + 1)
  }
}
