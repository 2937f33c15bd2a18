import GraphRuntime
import ResgraphFiles
import ResgraphPictures

/// The graph that a PNG carries.
package enum PNGMetadata {
  /// The keyword of the text chunk.
  static let keyword = PNGEncoding.graphKeyword

  /// Reads the text that this engine wrote into a PNG.
  ///
  /// - Parameter path: A PNG file.
  /// - Returns: The text, nil when the file carries none.
  /// - Throws: `ImageError` when the file is no PNG or is damaged.
  package static func read(path: String) throws -> String? {
    try ImageFile.text(path: path, keyword: keyword)
  }

  /// Whether a path names a file that starts as a PNG does.
  package static func isPNG(path: String) -> Bool {
    guard let start = try? OpenFile(path).bytes(at: 0, count: 8) else { return false }
    return ImageFile.isPNG(start)
  }
}

extension GraphRequest {
  /// The same request for the graph inside the picture, where the path names a PNG file.
  ///
  /// - Returns: The request itself for every other file.
  /// - Throws: `NodeError` when the PNG carries no graph, `ImageError` when it is damaged.
  func readingPicture() throws -> GraphRequest {
    guard contents == nil, PNGMetadata.isPNG(path: path) else { return self }
    guard let text = try PNGMetadata.read(path: path) else {
      throw NodeError(
        "\(path) carries no graph", hint: "it was not written by resgraph, or with --metadata none",
        status: .invalid)
    }
    var request = self
    request.contents = Array(text.utf8)
    // The record speaks of the folder that the picture was written to, not of one with a link to it.
    let file = realFolder(path)
    let own = folderName(of: file == pathWithoutLinkedFolders(path) ? path : file)
    request.origin = ProvenanceRecord.folder(in: text).map { joinPath(own, $0) }
    return request
  }
}
