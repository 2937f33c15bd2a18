extension AutoencoderConfig {
  /// The bytes of feature maps that decoding one picture, or one tile of it, holds at once.
  package func decodingBytes(pixels: Int) -> Int {
    switch self {
    // The last level holds a few feature maps with the channels of the first two levels.
    case .kl(let config): pixels * 6 * (config.blockOutChannels.prefix(2).max() ?? 128) * 4
    case .tiny(let config): pixels * 4 * (config.decoder.last?.channels ?? 64) * 4
    }
  }

  /// The bytes of feature maps that encoding one picture holds at once.
  package func encodingBytes(pixels: Int) -> Int {
    switch self {
    // The first level holds five feature maps of its channels, as measured.
    case .kl(let config): pixels * 6 * (config.blockOutChannels.first ?? 128) * 4
    case .tiny(let config): pixels * 4 * (config.encoder.first?.channels ?? 64) * 4
    }
  }
}
