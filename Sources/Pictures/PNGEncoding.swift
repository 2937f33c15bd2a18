import CImageIO

/// Makes PNG files.
package enum PNGEncoding {
  /// The keyword of the text chunk that holds the graph a picture was made from.
  package static let graphKeyword = "resgraph"

  /// Encodes a picture as 8-bit RGB, with `text` in a compressed chunk under `graphKeyword`.
  ///
  /// Equal pictures and texts give equal bytes, because neither the time nor a path is written.
  package static func encode(_ image: PixelImage, text: String?) throws -> [UInt8] {
    let rgb = image.channels == 1 ? image.greyAsRGB() : image.withoutAlpha()
    var header = cimage_header()
    header.width = UInt32(rgb.width)
    header.height = UInt32(rgb.height)
    header.channels = 3
    var file = cimage_buffer()
    defer { cimage_buffer_free(&file) }
    var message = [CChar](repeating: 0, count: Int(CIMAGE_MESSAGE_SIZE))
    let status = cimage_png_write(rgb.bytes, &header, graphKeyword, text, &file, &message)
    guard status == 0 else {
      let reason = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw ImageError.encoding(reason: String(decoding: reason, as: UTF8.self))
    }
    return [UInt8](UnsafeBufferPointer(start: file.bytes, count: file.count))
  }
}

extension PixelImage {
  /// A grey picture with its channel repeated three times.
  package func greyAsRGB() -> PixelImage {
    PixelImage(
      width: width, height: height, channels: 3, bytes: bytes.flatMap { [$0, $0, $0] })
  }
}
