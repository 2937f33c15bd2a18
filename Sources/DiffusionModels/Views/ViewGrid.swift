import TensorRuntime

/// A part of a latent.
struct LatentView: Sendable, Hashable {
  let rows: Range<Int>
  let columns: Range<Int>

  /// Returns this part of a feature map that has `scale` pixels for each pixel of the latent, along
  /// both sides.
  func crop(_ x: Tensor, scale: Int = 1) -> Tensor {
    func scaled(_ range: Range<Int>) -> Range<Int> {
      range.lowerBound * scale..<range.upperBound * scale
    }
    return x.slice(axis: 2, scaled(rows)).slice(axis: 3, scaled(columns))
  }

  /// Enlarges the view by a margin on each side.
  ///
  /// Where the border leaves no room on one side, the other side gets more.
  func widened(by margin: Int, height: Int, width: Int) -> LatentView {
    LatentView(
      rows: Self.widened(rows, by: margin, within: height),
      columns: Self.widened(columns, by: margin, within: width))
  }

  private static func widened(
    _ range: Range<Int>, by margin: Int, within length: Int
  ) -> Range<Int> {
    let size = min(range.count + 2 * margin, length)
    let start = min(max(range.lowerBound - margin, 0), length - size)
    return start..<start + size
  }
}

/// Windows of one size that together cover a latent, row by row.
///
/// They start at multiples of the stride. The last window of a row or column is moved back, so that
/// it ends at the border.
struct ViewGrid: Sendable {
  let views: [LatentView]

  /// Lays out windows.
  ///
  /// - Parameters:
  ///   - height: Rows of the latent.
  ///   - width: Columns of the latent.
  ///   - window: Rows and columns of a window; longer ones are cut to the latent.
  ///   - stride: Distance of window starts.
  init(height: Int, width: Int, window: (height: Int, width: Int), stride: Int) {
    let rows = Self.ranges(height, window.height, stride)
    let columns = Self.ranges(width, window.width, stride)
    views = rows.flatMap { rows in columns.map { LatentView(rows: rows, columns: $0) } }
  }

  private static func ranges(_ length: Int, _ window: Int, _ step: Int) -> [Range<Int>] {
    let size = min(window, length)
    let count = (length - size + step - 1) / step + 1
    return (0..<count).map { index in
      let start = min(index * step, length - size)
      return start..<start + size
    }
  }
}
