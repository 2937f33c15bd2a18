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
