import CImageIO
import ResgraphFiles

/// Reads PNG and JPEG files, which are told apart by their content.
package enum ImageFile {
  /// The most pixels a picture may have: 134 million, 400 MB decoded.
  package static let maximumPixels = 1 << 27
  /// The length in bytes above which no file is opened.
  package static let maximumFileBytes = 1 << 30
  /// The most bytes that one byte of deflated data can stand for is about 1032.
  ///
  /// A header that promises more is wrong.
  private static let deflateLimit = 1_040
  /// A JPEG's 8x8 blocks cost at least a bit each, even when they are empty.
  private static let jpegPixelsPerByte = 512

  /// Reads a picture as RGB, or RGBA where the file has transparency, and turns it as EXIF says.
  package static func read(path: String) throws -> PixelImage {
    try decode(contents(path: path), path: path)
  }

  /// Reads the size that `read` would return from the file's header.
  package static func size(path: String) throws -> (width: Int, height: Int) {
    let data = try contents(path: path)
    let header = try header(data, path: path)
    let turned = orientation(data)?.swapsSides ?? false
    let (width, height) = (Int(header.width), Int(header.height))
    return turned ? (height, width) : (width, height)
  }

  /// Decodes a file's bytes; `path` only names it in errors.
  package static func decode(_ data: [UInt8], path: String) throws -> PixelImage {
    var header = try header(data, path: path)
    let (width, height) = (Int(header.width), Int(header.height))
    var image = PixelImage(width: width, height: height, channels: Int(header.channels))
    let decodesPNG = isPNG(data)
    try withMessage(path: path) { message in
      image.bytes.withUnsafeMutableBufferPointer { pixels in
        decodesPNG
          ? cimage_png_read(data, data.count, &header, pixels.baseAddress, message)
          : cimage_jpeg_read(data, data.count, &header, pixels.baseAddress, message)
      }
    }
    return orientation(data)?.apply(to: image) ?? image
  }

  private static func orientation(_ data: [UInt8]) -> EXIFOrientation? {
    isPNG(data) ? EXIFOrientation(png: data) : EXIFOrientation(jpeg: data)
  }

  /// Reads the text that a PNG carries under a keyword; nil where there is none.
  package static func text(path: String, keyword: String) throws -> String? {
    let data = try contents(path: path)
    guard isPNG(data) else {
      throw ImageError.unknownFormat(path: path, kind: foreignKind(data))
    }
    return try PNGText.find(keyword, in: data, path: path)
  }

  /// Whether the bytes start as a PNG does.
  package static func isPNG(_ data: [UInt8]) -> Bool {
    data.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  }

  private static func header(_ data: [UInt8], path: String) throws -> cimage_header {
    var header = cimage_header()
    if isPNG(data) {
      try withMessage(path: path) { cimage_png_header(data, data.count, &header, $0) }
    } else if data.starts(with: [0xff, 0xd8, 0xff]) {
      try withMessage(path: path) { cimage_jpeg_header(data, data.count, &header, $0) }
    } else {
      throw ImageError.unknownFormat(path: path, kind: foreignKind(data))
    }
    let (width, height) = (Int(header.width), Int(header.height))
    let stored =
      isPNG(data)
      ? Int(header.stored_row_bytes) * height / deflateLimit
      : width * height / jpegPixelsPerByte
    guard width > 0, height > 0, width * height <= maximumPixels, stored <= data.count else {
      throw ImageError.tooLarge(path: path, width: width, height: height)
    }
    return header
  }

  /// Names the format of a file that is not read, where it is one that people often try.
  private static func foreignKind(_ data: [UInt8]) -> String? {
    let start = String(decoding: data.prefix(16), as: UTF8.self)
    if start.hasPrefix("RIFF") { return "a WebP or other RIFF file" }
    if start.hasPrefix("GIF8") { return "a GIF" }
    if start.hasPrefix("BM") { return "a BMP" }
    if start.hasPrefix("II*") || start.hasPrefix("MM\0*") { return "a TIFF" }
    if start.dropFirst(4).hasPrefix("ftyp") { return "a HEIC, AVIF or video file" }
    if start.hasPrefix("version https://") { return "a Git LFS pointer, not the file itself" }
    return data.isEmpty ? "empty" : nil
  }

  private static func contents(path: String) throws -> [UInt8] {
    try FileReader.bytes(path, limit: maximumFileBytes)
  }

  /// Runs a C decoder, and throws its message when it reports one.
  private static func withMessage(
    path: String, _ body: (UnsafeMutablePointer<CChar>?) -> Int32
  ) throws {
    var message = [CChar](repeating: 0, count: Int(CIMAGE_MESSAGE_SIZE))
    let status = message.withUnsafeMutableBufferPointer { body($0.baseAddress) }
    guard status != 0 else { return }
    let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw ImageError.damaged(path: path, reason: String(decoding: text, as: UTF8.self))
  }
}
