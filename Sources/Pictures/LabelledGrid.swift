/// Lays pictures out in a grid of equal cells, each with an optional label above it.
package struct LabelledGrid {
  /// The number of cells in a row.
  package let columns: Int
  /// The number of empty pixels between cells and around the grid.
  package var gap: Int
  /// The grey value of the background, and that of the labels.
  package var ground: UInt8 = 255
  package var ink: UInt8 = 24

  package init(columns: Int, gap: Int = 8) {
    self.columns = columns
    self.gap = gap
  }

  /// Draws the grid.
  ///
  /// A cell is as large as the largest picture, and smaller ones lie in its middle.
  ///
  /// - Precondition: the pictures are RGB; there are as many labels as pictures, or none.
  package func draw(_ pictures: [PixelImage], labels: [String]) -> PixelImage {
    let cellWidth = pictures.map(\.width).max() ?? 1
    let cellHeight = pictures.map(\.height).max() ?? 1
    let scale = max(1, min(4, cellWidth / 160))
    let texts = labels.map { Self.fitting($0, width: cellWidth, scale: scale) }
    let labelHeight = texts.isEmpty ? 0 : BitmapFont.glyphHeight * scale + gap
    let used = max(1, min(columns, pictures.count))
    let rows = (pictures.count + used - 1) / used
    var canvas = PixelImage(
      width: used * (cellWidth + gap) + gap,
      height: rows * (cellHeight + labelHeight + gap) + gap, channels: 3, filledWith: ground)
    for (index, picture) in pictures.enumerated() {
      let left = gap + index % used * (cellWidth + gap)
      let top = gap + index / used * (cellHeight + labelHeight + gap)
      if !texts.isEmpty { write(texts[index], on: &canvas, x: left, y: top, scale: scale) }
      canvas.paste(
        picture, x: left + (cellWidth - picture.width) / 2,
        y: top + labelHeight + (cellHeight - picture.height) / 2)
    }
    return canvas
  }

  /// Shortens a label that is wider than its cell, and ends it with dots.
  package static func fitting(_ label: String, width: Int, scale: Int) -> [Unicode.Scalar] {
    let scalars = label.unicodeScalars.map { $0 == "\n" || $0 == "\t" ? " " : $0 }
    let room = max(1, (width + scale) / (BitmapFont.advance * scale))
    guard scalars.count > room else { return scalars }
    guard room > 3 else { return Array(scalars.prefix(room)) }
    return scalars.prefix(room - 2) + [".", "."]
  }

  private func write(
    _ text: [Unicode.Scalar], on canvas: inout PixelImage, x left: Int, y top: Int, scale: Int
  ) {
    let dot = PixelImage(width: scale, height: scale, channels: 3, filledWith: ink)
    for (position, character) in text.enumerated() {
      for y in 0..<BitmapFont.glyphHeight {
        for x in 0..<BitmapFont.glyphWidth where BitmapFont.isInk(character, x: x, y: y) {
          canvas.paste(
            dot, x: left + (position * BitmapFont.advance + x) * scale, y: top + y * scale)
        }
      }
    }
  }
}
