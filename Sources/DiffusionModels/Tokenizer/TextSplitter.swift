/// Splits normalised text into pieces.
///
/// Byte pairs are merged inside a piece only.
///
/// The pieces are contractions ('s 't 're 've 'm 'll 'd), runs of letters, single numbers, and runs of
/// anything else that is not white space.
enum TextSplitter {
  static func split(_ text: [UInt32]) -> [ArraySlice<UInt32>] {
    var pieces: [ArraySlice<UInt32>] = []
    var position = 0
    while position < text.count {
      if UnicodeTables.shared.isSpace(text[position]) {
        position += 1
      } else if let end = literalMarkerEnd(text, position) {
        pieces.append(contentsOf: markerPieces(text[position..<end]))
        position = end
      } else {
        let end = pieceEnd(text, position)
        pieces.append(text[position..<end])
        position = end
      }
    }
    return pieces
  }

  private static let apostrophe = UInt32(0x27)
  private static let contractions = ["s", "t", "re", "ve", "m", "ll", "d"].map(scalars)
  private static let markers = ["<|startoftext|>", "<|endoftext|>"].map(scalars)

  private static func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

  private static func pieceEnd(_ text: [UInt32], _ start: Int) -> Int {
    let tables = UnicodeTables.shared
    if text[start] == apostrophe {
      for letters in contractions where text[(start + 1)...].starts(with: letters) {
        return start + 1 + letters.count
      }
    }
    if tables.isNumber(text[start]) { return start + 1 }
    let inLetters = tables.isLetter(text[start])
    var end = start + 1
    while end < text.count {
      let isLetter = tables.isLetter(text[end])
      if inLetters != isLetter { break }
      if !isLetter, tables.isNumber(text[end]) || tables.isSpace(text[end]) { break }
      end += 1
    }
    return end
  }

  /// The end of a start or end marker at a place.
  ///
  /// A marker that only lower-casing has made is one match of the pattern.
  private static func literalMarkerEnd(_ text: [UInt32], _ start: Int) -> Int? {
    guard text[start] == 0x3C else { return nil }
    for marker in markers where text[start...].starts(with: marker) { return start + marker.count }
    return nil
  }

  /// Splits such a marker into brackets and word, as the byte-level step of transformers does.
  private static func markerPieces(_ marker: ArraySlice<UInt32>) -> [ArraySlice<UInt32>] {
    let word = marker.dropFirst(2).dropLast(2)
    return [marker.prefix(2), word, marker.suffix(2)]
  }
}
