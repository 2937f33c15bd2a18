/// EXIF's tag 0x0112, which says how a stored picture must be turned before it is shown.
package struct EXIFOrientation: Equatable {
  /// The value of the tag, 1...8; 1 is upright.
  package let code: Int

  package init(code: Int) { self.code = code }

  /// Finds the tag in a JPEG's bytes; nil where there is none, or its value is impossible.
  package init?(jpeg bytes: [UInt8]) {
    var position = 2
    while position + 4 <= bytes.count, bytes[position] == 0xff {
      let marker = bytes[position + 1]
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      // 0xda starts the scan, and no headers follow it.
      guard marker != 0xda, length >= 2, position + 2 + length <= bytes.count else { return nil }
      let segment = bytes[(position + 4)..<(position + 2 + length)]
      if marker == 0xe1, segment.starts(with: Array("Exif\0\0".utf8)) {
        guard let found = Self.code(tiff: Array(segment.dropFirst(6))) else { return nil }
        self.init(code: found)
        return
      }
      position += 2 + length
    }
    return nil
  }

  /// Finds the tag in a PNG's eXIf chunk; nil where there is none, or nothing sensible.
  package init?(png bytes: [UInt8]) {
    let chunks = PNGChunks(bytes)
    guard let chunk = chunks.first(where: { $0.type == "eXIf" }),
      let content = chunks.content(chunk), let found = Self.code(tiff: Array(content))
    else { return nil }
    self.init(code: found)
  }

  /// Whether turning the picture exchanges its width and height.
  package var swapsSides: Bool { code >= 5 }

  /// Turns a stored picture upright.
  package func apply(to image: PixelImage) -> PixelImage {
    guard code > 1 else { return image }
    let width = swapsSides ? image.height : image.width
    let height = swapsSides ? image.width : image.height
    var turned = PixelImage(width: width, height: height, channels: image.channels)
    for y in 0..<height {
      for x in 0..<width {
        let (sourceX, sourceY) = source(x: x, y: y, of: image)
        for channel in 0..<image.channels {
          turned.bytes[(y * width + x) * image.channels + channel] =
            image.bytes[(sourceY * image.width + sourceX) * image.channels + channel]
        }
      }
    }
    return turned
  }

  /// The place in the stored picture of the pixel at (`x`, `y`) of the upright one.
  private func source(x: Int, y: Int, of image: PixelImage) -> (x: Int, y: Int) {
    let (right, bottom) = (image.width - 1, image.height - 1)
    return switch code {
    case 2: (right - x, y)
    case 3: (right - x, bottom - y)
    case 4: (x, bottom - y)
    case 5: (y, x)
    case 6: (y, bottom - x)
    case 7: (right - y, bottom - x)
    case 8: (right - y, x)
    default: (x, y)
    }
  }

  /// Reads the tag from the TIFF structure inside an EXIF segment.
  private static func code(tiff: [UInt8]) -> Int? {
    guard tiff.count >= 8 else { return nil }
    let bigEndian = tiff[0] == 0x4d
    func short(_ at: Int) -> Int? {
      guard at >= 0, at + 2 <= tiff.count else { return nil }
      let (first, second) = (Int(tiff[at]), Int(tiff[at + 1]))
      return bigEndian ? first << 8 | second : second << 8 | first
    }
    func long(_ at: Int) -> Int? {
      guard let first = short(at), let second = short(at + 2) else { return nil }
      return bigEndian ? first << 16 | second : second << 16 | first
    }
    guard let directory = long(4), let count = short(directory) else { return nil }
    for entry in 0..<count {
      let at = directory + 2 + entry * 12
      guard let tag = short(at) else { return nil }
      if tag == 0x0112, let code = short(at + 8) { return (1...8).contains(code) ? code : nil }
    }
    return nil
  }
}
