import TensorRuntime

/// The tiles in which a large latent is decoded: squares that are blended where they overlap.
public struct VAETiling: Sendable, Equatable {
  /// Side of a decoded tile in pixels.
  public var tilePixels: Int
  /// Side of a tile in latent pixels.
  public var tileLatents: Int
  /// Share of a tile that overlaps with the next.
  public var overlap: Double

  /// Makes tiles of a given size, with diffusers' overlap of a quarter.
  ///
  /// - Parameters:
  ///   - tilePixels: Side of a decoded tile.
  ///   - config: The autoencoder's configuration.
  public init(tilePixels: Int, config: VAEConfig) {
    self.init(
      tilePixels: tilePixels, tileLatents: max(2, tilePixels / config.downscale), overlap: 0.25)
  }

  /// Makes tiles from their sizes.
  ///
  /// - Parameters:
  ///   - tilePixels: Side of a decoded tile.
  ///   - tileLatents: Side of a tile in latent pixels.
  ///   - overlap: Share of a tile that overlaps with the next, below one half.
  public init(tilePixels: Int, tileLatents: Int, overlap: Double) {
    self.tilePixels = tilePixels
    self.tileLatents = tileLatents
    self.overlap = overlap
  }

  /// Latent pixels from one tile to the next.
  var stride: Int { max(1, Int(Double(tileLatents) * (1 - overlap))) }
  /// Pixels over which two tiles are blended.
  var blend: Int { Int(Double(tilePixels) * overlap) }
  /// Pixels that a tile contributes.
  var kept: Int { tilePixels - blend }
}

extension AutoencoderKL {
  /// Decodes in tiles of the size that the model was trained with, where the latent is larger.
  ///
  /// The result equals diffusers' tiled decoding: tiles overlap by a quarter and are blended
  /// linearly, first with the tile above, then with the one to the left. It differs from
  /// `decode(_:)`, because every tile is normalised by itself. Decoding needs memory for one tile
  /// only.
  ///
  /// - Parameters:
  ///   - latent: [B, latentChannels, h, w], not scaled.
  ///   - tiling: The tiles; nil for diffusers' own.
  /// - Returns: [B, 3, H, W].
  public func decodeTiled(_ latent: Tensor, tiling: VAETiling? = nil) -> Tensor {
    let tiling = tiling ?? VAETiling(tilePixels: config.sampleSize, config: config)
    let (height, width) = (latent.shape[2], latent.shape[3])
    if height <= tiling.tileLatents, width <= tiling.tileLatents { return decode(latent) }
    // Blending needs only the row of tiles above.
    var above: [TilePicture] = []
    var rows: [Tensor] = []
    for top in stride(from: 0, to: height, by: tiling.stride) {
      var row: [TilePicture] = []
      for (column, left) in stride(from: 0, to: width, by: tiling.stride).enumerated() {
        let tile = latent.slice(axis: 2, top..<min(height, top + tiling.tileLatents))
          .slice(axis: 3, left..<min(width, left + tiling.tileLatents))
        var picture = TilePicture(decode(tile))
        if !above.isEmpty { picture.blendTop(with: above[column], over: tiling.blend) }
        if let last = row.last { picture.blendLeft(with: last, over: tiling.blend) }
        row.append(picture)
      }
      rows.append(Tensor.concatenate(row.map { $0.cropped(to: tiling.kept) }, axis: 3))
      above = row
    }
    return Tensor.concatenate(rows, axis: 2)
  }
}

/// A decoded tile, whose borders are blended with its neighbours'.
private struct TilePicture {
  private let shape: [Int]
  private var values: [Float]

  init(_ picture: Tensor) {
    shape = picture.shape
    values = picture.floats()
  }

  private var planes: Int { shape[0] * shape[1] }
  private var height: Int { shape[2] }
  private var width: Int { shape[3] }

  /// Fades from the last rows of the tile above to this tile's own.
  mutating func blendTop(with above: TilePicture, over extent: Int) {
    let extent = min(above.height, height, extent)
    for plane in 0..<planes {
      for y in 0..<extent {
        let own = (plane * height + y) * width
        let other = (plane * above.height + above.height - extent + y) * above.width
        let weight = Float(Double(y) / Double(extent))
        let rest = Float(1 - Double(y) / Double(extent))
        for x in 0..<width {
          values[own + x] = above.values[other + x] * rest + values[own + x] * weight
        }
      }
    }
  }

  /// Fades from the last columns of the tile to the left to this tile's own.
  mutating func blendLeft(with left: TilePicture, over extent: Int) {
    let extent = min(left.width, width, extent)
    for line in 0..<(planes * height) {
      let own = line * width
      let other = line * left.width + left.width - extent
      for x in 0..<extent {
        let weight = Float(Double(x) / Double(extent))
        let rest = Float(1 - Double(x) / Double(extent))
        values[own + x] = left.values[other + x] * rest + values[own + x] * weight
      }
    }
  }

  /// The square at the top left, of at most that side.
  func cropped(to side: Int) -> Tensor {
    Tensor(values, shape: shape).slice(axis: 2, 0..<min(side, height))
      .slice(axis: 3, 0..<min(side, width))
  }
}
