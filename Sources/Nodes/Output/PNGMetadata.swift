import ResgraphPictures

/// The graph that a PNG was made from, as the file carries it.
public enum PNGMetadata {
  /// The keyword of the text chunk.
  public static let keyword = PNGEncoding.graphKeyword

  /// Reads the text that this engine wrote into a PNG.
  ///
  /// - Parameter path: A PNG file.
  /// - Returns: The text, nil when the file carries none.
  /// - Throws: `ImageError` when the file is no PNG or is damaged.
  public static func read(path: String) throws -> String? {
    try ImageFile.text(path: path, keyword: keyword)
  }

  /// Whether a file starts as a PNG does.
  ///
  /// - Parameter bytes: The first bytes of the file.
  /// - Returns: True for a PNG.
  public static func isPNG(_ bytes: [UInt8]) -> Bool { ImageFile.isPNG(bytes) }
}
