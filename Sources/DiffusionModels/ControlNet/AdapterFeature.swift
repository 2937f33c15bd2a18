/// A feature map that a T2I-Adapter makes of a picture, or a place in a UNet that takes one.
public struct AdapterFeature: Sendable, Equatable, CustomStringConvertible {
  /// Channels of the map.
  public var channels: Int
  /// The ratio of the picture's sides to the map's.
  public var reduction: Int

  /// A text for messages, such as "320 at 1/16".
  public var description: String { "\(channels) at 1/\(reduction)" }
}

extension UNetConfig {
  /// The places where a T2I-Adapter's features are added, in order: one per level on the way down,
  /// then the middle, as in diffusers.
  ///
  /// A level with attention takes its feature before it halves the size, and any other level after.
  ///
  /// - Parameter latentReduction: The ratio of the picture's sides to the latent's.
  /// - Returns: The places. Their sizes are right for UNets whose every halving rounds up.
  public func adapterPlaces(latentReduction: Int) -> [AdapterFeature] {
    var reduction = latentReduction
    var places = levels.enumerated().map { index, level in
      let halved = index == levels.count - 1 ? reduction : 2 &* reduction
      defer { reduction = halved }
      return AdapterFeature(
        channels: level.channels, reduction: level.downDepths.isEmpty ? halved : reduction)
    }
    if middle != .none, let last = levels.last {
      places.append(AdapterFeature(channels: last.channels, reduction: reduction))
    }
    return places
  }
}
