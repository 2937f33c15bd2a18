import TensorRuntime

/// Where a picture is painted anew.
package struct InpaintMask: Sendable {
  /// [1 or B, 1, H, W] in 0...1; from one half on it is painted.
  private let pixels: Tensor

  /// Takes a mask, [1 or B, 1, H, W] in 0...1.
  package init(_ pixels: Tensor) { self.pixels = pixels }

  /// The mask at a latent's size, as diffusers makes it: every `scale`-th pixel, as 0 or 1.
  package func reduced(by scale: Int) -> Tensor {
    let (batch, height, width) = (pixels.shape[0], pixels.shape[2], pixels.shape[3])
    let values = pixels.floats()
    var result: [Float] = []
    result.reserveCapacity(values.count / (scale * scale))
    for row in 0..<batch * height / scale {
      for column in 0..<width / scale {
        result.append(values[row * scale * width + column * scale] < 0.5 ? 0 : 1)
      }
    }
    return Tensor(result, shape: [batch, 1, height / scale, width / scale])
  }

  /// Whether some part of the mask is so thin that the mask at a latent's size has nothing of it.
  ///
  /// - Parameter scale: Pixels per cell of the latent.
  /// - Returns: True when a cell holds painted pixels, and neither it nor a neighbour is painted.
  package func losesParts(whenReducedBy scale: Int) -> Bool {
    let cells = (rows: pixels.shape[2] / scale, columns: pixels.shape[3] / scale)
    let (values, reduced) = (pixels.floats(), self.reduced(by: scale).floats())
    for sample in 0..<pixels.shape[0] {
      let (start, first) = (
        sample * pixels.shape[2] * pixels.shape[3], sample * cells.rows * cells.columns
      )
      func isPainted(_ row: Int, _ column: Int) -> Bool {
        (max(0, row - 1)...min(cells.rows - 1, row + 1)).contains { row in
          (max(0, column - 1)...min(cells.columns - 1, column + 1)).contains {
            reduced[first + row * cells.columns + $0] == 1
          }
        }
      }
      for index in 0..<pixels.shape[2] * pixels.shape[3] where values[start + index] >= 0.5 {
        let (row, column) = (index / pixels.shape[3] / scale, index % pixels.shape[3] / scale)
        if row < cells.rows, column < cells.columns, !isPainted(row, column) { return true }
      }
    }
    return false
  }

  /// A picture [1 or B, 3, H, W] in 0...1, grey where it is painted anew: 0 of -1...1.
  package func covering(_ picture: Tensor) -> Tensor {
    let (hidden, values) = (pixels.floats(), picture.floats())
    let plane = picture.shape[2] * picture.shape[3]
    let batch = max(picture.shape[0], pixels.shape[0])
    var result: [Float] = []
    result.reserveCapacity(batch * 3 * plane)
    for sample in 0..<batch {
      let start = (sample % picture.shape[0]) * 3 * plane
      let cover = (sample % pixels.shape[0]) * plane
      for index in 0..<3 * plane {
        result.append(hidden[cover + index % plane] < 0.5 ? values[start + index] : 0.5)
      }
    }
    return Tensor(result, shape: [batch, 3, picture.shape[2], picture.shape[3]])
  }

  /// What an inpainting model sees beside the latents: the mask [1 or B, 1, h, w], then the latents
  /// of the covered picture.
  package static func channels(_ mask: Tensor, _ picture: Tensor) -> Tensor {
    let batch = max(mask.shape[0], picture.shape[0])
    return Tensor.concatenate(
      [mask.repeated(toBatch: batch), picture.repeated(toBatch: batch)], axis: 1)
  }
}
