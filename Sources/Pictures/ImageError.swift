/// The errors of reading and writing picture files.
package enum ImageError: Error, Equatable {
  /// The file is neither a PNG nor a JPEG; `kind` names its format if that is known.
  case unknownFormat(path: String, kind: String?)
  /// The decoder refused the file; `reason` is the decoder's message.
  case damaged(path: String, reason: String)
  /// The header promises more pixels than this engine opens, or than a file of that length can
  /// hold.
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
