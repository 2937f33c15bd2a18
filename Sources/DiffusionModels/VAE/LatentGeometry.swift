import ResgraphPictures

/// How the latents of a model relate to its pictures.
package struct LatentGeometry: Sendable, Equatable {
  /// Channels of a latent.
  package var channels: Int
  /// How many times a picture's side is a latent's.
  package var scale: Int

  /// Describes latents.
  package init(channels: Int, scale: Int) {
    self.channels = channels
    self.scale = scale
  }

  /// Stable Diffusion's, where no model says otherwise: 4 channels, an eighth of the picture's
  /// sides.
  package static let stableDiffusion = LatentGeometry(channels: 4, scale: 8)

  /// The size of the picture of a latent [B, C, h, w].
  package func pictureSize(_ shape: [Int]) -> PixelSize {
    PixelSize(width: shape[3] * scale, height: shape[2] * scale)
  }

  /// The shape of the latents of pictures: [batch, channels, h, w].
  package func latentShape(batch: Int, height: Int, width: Int) -> [Int] {
    [batch, channels, height / scale, width / scale]
  }
}

extension AutoencoderConfig {
  /// How latents relate to pictures.
  package var geometry: LatentGeometry {
    LatentGeometry(channels: latentChannels, scale: downscale)
  }
}
