/// What can go wrong with a picture file.
package enum ImageError: Error, Equatable {
  /// Neither a PNG nor a JPEG; `kind` names what it looks like, where that is known.
  case unknownFormat(path: String, kind: String?)
  /// The decoder refused it, in its own words.
  case damaged(path: String, reason: String)
  /// More pixels than this engine opens, or than a file of that length can hold.
  case tooLarge(path: String, width: Int, height: Int)
  /// libpng could not make the file.
  case encoding(reason: String)
}

extension ImageError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownFormat(let path, let kind?):
      "\(path) is \(kind); pictures are read from PNG and JPEG files"
    case .unknownFormat(let path, nil):
      "\(path) is neither a PNG nor a JPEG file"
    case .damaged(let path, let reason):
      "\(path) cannot be read as a picture: \(reason)"
    case .tooLarge(let path, let width, let height):
      "\(path) says it is \(width)x\(height) pixels, which is too large or more than the file can hold"
    case .encoding(let reason):
      "the picture cannot be written as PNG: \(reason)"
    }
  }
}
