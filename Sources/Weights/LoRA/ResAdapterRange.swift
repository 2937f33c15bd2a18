/// The picture sizes a released ResAdapter was made for, as its model card says.
public struct ResAdapterRange: Sendable, Equatable {
  /// The sides in pixels.
  public let sides: ClosedRange<Int>
  /// Width divided by height.
  public let aspects: ClosedRange<Double>

  private static let released: [String: ResAdapterRange] = [
    "v2_sd1.5": ResAdapterRange(sides: 128...1024, aspects: 0.28...3.5),
    "v2_sdxl": ResAdapterRange(sides: 256...1536, aspects: 0.28...3.5),
    "v1_sd1.5": ResAdapterRange(sides: 128...1024, aspects: 0.5...2),
    "v1_sd1.5_extrapolation": ResAdapterRange(sides: 512...1024, aspects: 0.5...2),
    "v1_sd1.5_interpolation": ResAdapterRange(sides: 128...512, aspects: 0.5...2),
    "v1_sdxl": ResAdapterRange(sides: 256...1536, aspects: 0.5...2),
    "v1_sdxl_extrapolation": ResAdapterRange(sides: 1024...1536, aspects: 0.5...2),
    "v1_sdxl_interpolation": ResAdapterRange(sides: 256...1024, aspects: 0.5...2),
  ]

  /// The range of a released adapter, which is recognised by the name of its folder.
  ///
  /// - Parameter path: The adapter's folder, such as `models/resadapter_v2_sd1.5`, or a file in it.
  /// - Returns: The range, or nil for adapters that are not the released ones.
  public static func named(by path: String) -> ResAdapterRange? {
    for part in path.split(separator: "/").reversed().prefix(2) {
      let name = part.hasPrefix("resadapter_") ? part.dropFirst("resadapter_".count) : part
      if let range = released[String(name)] { return range }
    }
    return nil
  }

  /// A warning about a size that the adapter was not made for.
  ///
  /// - Parameters:
  ///   - width: The picture's width in pixels.
  ///   - height: The picture's height in pixels.
  /// - Returns: One sentence, or nil when the size is within the range.
  public func warning(width: Int, height: Int) -> String? {
    let aspect = Double(width) / Double(height)
    if !sides.contains(width) || !sides.contains(height) {
      return "\(width)x\(height) is outside the sides this ResAdapter was made for, "
        + "\(sides.lowerBound) to \(sides.upperBound) pixels"
    }
    if !aspects.contains(aspect) {
      return
        "\(width)x\(height) is outside the shapes this ResAdapter was made for, width / height "
        + "from \(aspects.lowerBound) to \(aspects.upperBound)"
    }
    return nil
  }
}
