import CImageIO

/// The chunks of a PNG file in memory, in their order, read without libpng.
///
/// libpng sets memory aside for whatever length a chunk claims and unpacks every text; here nothing
/// is copied or unpacked but the one chunk that is asked for. The walk ends at the first chunk that
/// does not lie inside the file.
struct PNGChunks: Sequence, IteratorProtocol {
  /// One chunk: its four-letter type and where its content lies in the file.
  struct Chunk {
    let type: String
    let body: Range<Int>
  }

  private let data: [UInt8]
  private var position = 8

  init(_ data: [UInt8]) { self.data = data }

  mutating func next() -> Chunk? {
    guard position + 12 <= data.count else { return nil }
    let length = data[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
    let start = position + 8
    guard length <= data.count - start - 4 else { return nil }
    let type = String(decoding: data[position + 4..<start], as: UTF8.self)
    position = start + length + 4
    return Chunk(type: type, body: start..<start + length)
  }

  /// The content of a chunk, nil when its checksum is wrong.
  func content(_ chunk: Chunk) -> ArraySlice<UInt8>? {
    let stored = data[chunk.body.upperBound..<chunk.body.upperBound + 4]
      .reduce(0) { $0 << 8 | UInt32($1) }
    let found = data.withUnsafeBufferPointer { bytes in
      let covered = bytes[chunk.body.lowerBound - 4..<chunk.body.upperBound]
      return cimage_crc32(UnsafeBufferPointer(rebasing: covered).baseAddress, covered.count)
    }
    return stored == found ? data[chunk.body] : nil
  }
}

/// Texts stored in PNG files (PNG specification, 11.3.4): tEXt, zTXt and iTXt chunks.
enum PNGText {
  /// The longest text that is unpacked.
  static let maximumBytes = 16 << 20

  /// The text that a PNG carries under a keyword; nil where there is none.
  ///
  /// - Throws: `ImageError.damaged` when the chunk has a wrong checksum or cannot be unpacked.
  static func find(_ keyword: String, in data: [UInt8], path: String) throws -> String? {
    let chunks = PNGChunks(data)
    let start = Array(keyword.utf8) + [0]
    for chunk in chunks where ["tEXt", "zTXt", "iTXt"].contains(chunk.type) {
      guard data[chunk.body].starts(with: start) else { continue }
      guard let content = chunks.content(chunk) else {
        throw ImageError.damaged(path: path, reason: "a text chunk's checksum is wrong")
      }
      guard let text = text(Array(content.dropFirst(start.count)), type: chunk.type) else {
        throw ImageError.damaged(path: path, reason: "a text chunk cannot be unpacked")
      }
      return text
    }
    return nil
  }

  /// Decodes what follows the keyword.
  private static func text(_ rest: [UInt8], type: String) -> String? {
    switch type {
    case "tEXt": return latin1(rest)
    case "zTXt":
      guard rest.first == 0 else { return nil }
      return inflated(rest.dropFirst()).map(latin1)
    default:
      guard rest.count >= 2, rest[0] <= 1, rest[1] == 0 else { return nil }
      // Two zero-terminated names follow: the language, and the keyword in that language.
      var content = rest.dropFirst(2)
      for _ in 0..<2 {
        guard let end = content.firstIndex(of: 0) else { return nil }
        content = content[(end + 1)...]
      }
      guard let bytes = rest[0] == 1 ? inflated(content) : Array(content) else { return nil }
      return String(validating: bytes, as: UTF8.self)
    }
  }

  private static func latin1(_ bytes: [UInt8]) -> String {
    String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }

  private static func inflated(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var buffer = cimage_buffer()
    defer { cimage_buffer_free(&buffer) }
    let status = Array(bytes).withUnsafeBufferPointer {
      cimage_inflate($0.baseAddress, $0.count, maximumBytes, &buffer)
    }
    guard status == 0 else { return nil }
    return [UInt8](UnsafeBufferPointer(start: buffer.bytes, count: buffer.count))
  }
}
