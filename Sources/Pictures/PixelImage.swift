import TensorRuntime

/// An 8-bit picture in memory: rows from the top, channels interleaved.
package struct PixelImage: Sendable, Equatable {
  package let width: Int
  package let height: Int
  /// The number of channels: 1 for grey, 3 for RGB, 4 for RGB with alpha.
  package let channels: Int
  /// The `width * height * channels` values.
  package var bytes: [UInt8]

  package init(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
    precondition(bytes.count == width * height * channels, "picture bytes do not fit its size")
    self.width = width
    self.height = height
    self.channels = channels
    self.bytes = bytes
  }

  /// Makes a picture of one value, which is black unless another is given.
  package init(width: Int, height: Int, channels: Int, filledWith value: UInt8 = 0) {
    self.init(
      width: width, height: height, channels: channels,
      bytes: [UInt8](repeating: value, count: width * height * channels))
  }

  /// The picture without its alpha channel, as Pillow's `convert("RGB")` gives it.
  package func withoutAlpha() -> PixelImage {
    guard channels == 4 else { return self }
    var rgb: [UInt8] = []
    rgb.reserveCapacity(width * height * 3)
    for pixel in stride(from: 0, to: bytes.count, by: 4) {
      rgb.append(contentsOf: bytes[pixel..<pixel + 3])
    }
    return PixelImage(width: width, height: height, channels: 3, bytes: rgb)
  }

  /// One channel as a grey picture.
  package func channel(_ index: Int) -> PixelImage {
    let values = stride(from: index, to: bytes.count, by: channels).map { bytes[$0] }
    return PixelImage(width: width, height: height, channels: 1, bytes: values)
  }

  /// Brightness by ITU-R 601 weights in 16-bit fixed point, as Pillow's `convert("L")`.
  package func luminance() -> PixelImage {
    guard channels >= 3 else { return self }
    var grey: [UInt8] = []
    grey.reserveCapacity(width * height)
    for pixel in stride(from: 0, to: bytes.count, by: channels) {
      let sum =
        Int(bytes[pixel]) * 19_595 + Int(bytes[pixel + 1]) * 38_470
        + Int(bytes[pixel + 2]) * 7_471 + 0x8000
      grey.append(UInt8(sum >> 16))
    }
    return PixelImage(width: width, height: height, channels: 1, bytes: grey)
  }

  /// The rectangle that starts at (`x`, `y`), which lies inside the picture.
  package func cropped(x: Int, y: Int, width newWidth: Int, height newHeight: Int) -> PixelImage {
    var result: [UInt8] = []
    result.reserveCapacity(newWidth * newHeight * channels)
    for row in y..<y + newHeight {
      let start = (row * width + x) * channels
      result.append(contentsOf: bytes[start..<start + newWidth * channels])
    }
    return PixelImage(width: newWidth, height: newHeight, channels: channels, bytes: result)
  }

  /// Draws `other`, which has the same channels, with its top left corner at (`x`, `y`).
  ///
  /// The part of it that lies outside this picture is left out.
  package mutating func paste(_ other: PixelImage, x: Int, y: Int) {
    let columns = max(0, -x)..<min(other.width, width - x)
    guard !columns.isEmpty else { return }
    for row in max(0, -y)..<max(max(0, -y), min(other.height, height - y)) {
      let source = (row * other.width + columns.lowerBound) * channels
      let target = ((y + row) * width + x + columns.lowerBound) * channels
      let count = columns.count * channels
      bytes.replaceSubrange(target..<target + count, with: other.bytes[source..<source + count])
    }
  }
}

extension PixelImage {
  /// The values as a tensor [1, C, H, W] in 0...1, each byte divided by 255.
  package func tensor() -> Tensor { Self.tensor([self]) }

  /// Pictures of one size as a tensor [B, C, H, W] in 0...1.
  package static func tensor(_ images: [PixelImage]) -> Tensor {
    guard let first = images.first else { return Tensor([], shape: [0, 3, 0, 0]) }
    let (width, height, channels) = (first.width, first.height, first.channels)
    precondition(images.allSatisfy { $0.bytes.count == first.bytes.count && $0.width == width })
    let plane = width * height
    var values = [Float](repeating: 0, count: images.count * channels * plane)
    for (sample, image) in images.enumerated() {
      for channel in 0..<channels {
        let target = (sample * channels + channel) * plane
        for pixel in 0..<plane {
          values[target + pixel] = Float(image.bytes[pixel * channels + channel]) / 255
        }
      }
    }
    return Tensor(values, shape: [images.count, channels, height, width])
  }

  /// The pictures of a tensor [B, C, H, W] in 0...1: clamped, times 255, rounded half to even,
  /// as diffusers makes 8-bit pictures.
  package static func pictures(_ tensor: Tensor) -> [PixelImage] {
    precondition(tensor.shape.count == 4, "a picture tensor is [B, C, H, W], not \(tensor.shape)")
    let (channels, height, width) = (tensor.shape[1], tensor.shape[2], tensor.shape[3])
    let plane = width * height
    let values = tensor.floats()
    return (0..<tensor.shape[0]).map { sample in
      var bytes = [UInt8](repeating: 0, count: plane * channels)
      for channel in 0..<channels {
        let source = (sample * channels + channel) * plane
        for pixel in 0..<plane {
          bytes[pixel * channels + channel] = byte(values[source + pixel])
        }
      }
      return PixelImage(width: width, height: height, channels: channels, bytes: bytes)
    }
  }

  /// Converts 0...1 to 0...255; a value that is not a number becomes black.
  package static func byte(_ value: Float) -> UInt8 {
    guard value > 0 else { return 0 }
    return value >= 1 ? 255 : UInt8((value * 255).rounded(.toNearestOrEven))
  }
}
