import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The configuration of a `T2IAdapter`, from its `config.json`.
public struct T2IAdapterConfig: Sendable, Equatable {
  /// The released layouts.
  public enum Kind: String, Sendable, CaseIterable {
    /// The layout for Stable Diffusion 1 and 2, in which every level halves the size.
    case full = "full_adapter"
    /// The layout for SDXL, in which only the third level halves the size.
    case fullXL = "full_adapter_xl"
    /// A smaller layout for Stable Diffusion 1.
    case light = "light_adapter"
  }

  /// The layout.
  public var kind: Kind
  /// Channels of the picture; 1 for sketches and edges.
  public var inChannels: Int
  /// Feature channels per level.
  public var channels: [Int]
  /// Residual blocks per level.
  public var layers: Int
  /// The ratio of the picture's side to the first feature's.
  public var downscale: Int

  /// Reads a `config.json` of diffusers' `T2IAdapter`.
  ///
  /// - Parameter json: The document; members that are absent have diffusers' defaults.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json, model: "T2IAdapter")
    try reader.require("_class_name", oneOf: ["T2IAdapter"])
    let name = try reader.string("adapter_type") ?? Kind.full.rawValue
    guard let kind = Kind(rawValue: name) else {
      let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw reader.unsupported("adapter_type", "\"\(name)\"", supported: known)
    }
    self.kind = kind
    inChannels = try reader.dimension("in_channels", default: 3)
    channels = try reader.dimensions("channels", default: [320, 640, 1280, 1280])
    layers = try reader.dimension("num_res_blocks", default: 2)
    downscale = try reader.dimension("downscale_factor", default: 8)
    guard layers <= 64 else { throw reader.invalid("num_res_blocks", "over 64") }
    guard downscale <= 64 else { throw reader.invalid("downscale_factor", "over 64") }
    guard channels.count <= 16 else { throw reader.invalid("channels", "over 16 levels") }
    guard kind != .light || channels.allSatisfy({ $0 % 4 == 0 }) else {
      throw reader.invalid("channels", "a light adapter needs multiples of 4")
    }
    guard kind != .fullXL || channels.dropFirst(2).allSatisfy({ $0 == channels.dropFirst(2).first })
    else { throw reader.invalid("channels", "this layout keeps the third level's width") }
  }

  /// The number of channels after squares of pixels have been folded into channels.
  var unshuffledChannels: Int { inChannels * downscale * downscale }
}

extension T2IAdapterConfig {
  /// The features that the adapter makes of a picture, finest first.
  public var features: [AdapterFeature] {
    let all = kind == .light ? channels + channels.suffix(1) : channels
    var reduction = downscale
    return all.enumerated().map { level, channels in
      if halves(level) { reduction *= 2 }
      return AdapterFeature(channels: channels, reduction: reduction)
    }
  }

  /// Whether a level halves the size of its input.
  func halves(_ level: Int) -> Bool { kind == .fullXL ? level == 2 : level > 0 }
}

/// A small network that turns a control picture into features for the levels of a UNet.
///
/// It runs once per run.
///
/// Follows diffusers' `T2IAdapter` in its three layouts.
public final class T2IAdapterModel: Sendable {
  /// What the model was built from.
  public let config: T2IAdapterConfig
  private let convIn: Conv2D?
  private let levels: [AdapterLevel]

  /// Builds the model.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used.
  public init(_ weights: WeightScope, config: T2IAdapterConfig) throws {
    self.config = config
    let scope = weights["adapter"]
    let channels = config.channels
    if config.kind == .light {
      convIn = nil
      let widths = [config.unshuffledChannels] + channels + [channels[channels.count - 1]]
      levels = try (0..<(channels.count + 1)).map { level in
        try AdapterLevel(
          light: scope["body"][level], from: widths[level], to: widths[level + 1],
          layers: config.layers, halves: config.halves(level))
      }
    } else {
      convIn = try scope.convolution("conv_in", config.unshuffledChannels, channels[0])
      levels = try channels.indices.map { level in
        // In the layout for SDXL only the second and third level change the width.
        let widens = config.kind == .full || level == 1 || level == 2
        return try AdapterLevel(
          full: scope["body"][level], from: channels[widens ? max(0, level - 1) : level],
          to: channels[level], layers: config.layers,
          halves: config.halves(level))
      }
    }
    try weights.verifyAllUsed(except: { _ in false })
  }

  /// Computes the features of a picture.
  ///
  /// - Parameter image: [B, C, H, W] in 0...1; both sides multiples of `config.downscale`.
  /// - Returns: One feature per level, for `UNetControls.features`.
  public func callAsFunction(_ image: Tensor) -> [Tensor] {
    let folded = pixelUnshuffle(image, factor: config.downscale).channelsLast()
    var hidden = convIn?(folded) ?? folded
    return levels.map { level in
      hidden = level(hidden)
      return hidden
    }
  }
}

extension T2IAdapterModel: ModuleNode, CustomStringConvertible {
  var summary: String { "T2IAdapter(\(config.kind.rawValue))" }
  var children: [ModuleChild] {
    (convIn.map { [("adapter.conv_in", $0)] } ?? []) + indexed("adapter.body", levels)
  }

  /// The modules and their dimensions, one line each.
  public var description: String { tree }
}

/// Residual blocks of one level, possibly at half the size of the level before.
struct AdapterLevel: Sendable {
  private let halves: Bool
  private let convIn: Conv2D?
  private let blocks: [(first: Conv2D, second: Conv2D)]
  private let convOut: Conv2D?

  /// A level of the full layouts, whose second convolutions have 1x1 kernels.
  init(full weights: WeightScope, from: Int, to: Int, layers: Int, halves: Bool) throws {
    self.halves = halves
    convIn = from == to ? nil : try weights.convolution("in_conv", from, to, kernel: 1)
    blocks = try Self.blocks(weights, width: to, layers: layers, secondKernel: 1)
    convOut = nil
  }

  /// A level of the light layout, which works at a quarter of its width.
  init(light weights: WeightScope, from: Int, to: Int, layers: Int, halves: Bool) throws {
    self.halves = halves
    convIn = try weights.convolution("in_conv", from, to / 4, kernel: 1)
    blocks = try Self.blocks(weights, width: to / 4, layers: layers, secondKernel: 3)
    convOut = try weights.convolution("out_conv", to / 4, to, kernel: 1)
  }

  private static func blocks(
    _ weights: WeightScope, width: Int, layers: Int, secondKernel: Int
  ) throws -> [(first: Conv2D, second: Conv2D)] {
    try (0..<layers).map { layer in
      let scope = weights["resnets"][layer]
      return (
        try scope.convolution("block1", width, width),
        try scope.convolution("block2", width, width, kernel: secondKernel)
      )
    }
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    var hidden = halves ? averageOfFour(x) : x
    hidden = convIn?(hidden) ?? hidden
    for block in blocks {
      hidden = block.second(block.first(hidden, activation: .relu), residual: hidden)
    }
    return convOut?(hidden) ?? hidden
  }
}

extension AdapterLevel: ModuleNode {
  var summary: String { "AdapterBlock\(halves ? "(halved)" : "")" }
  var children: [ModuleChild] {
    (convIn.map { [("in_conv", $0)] } ?? [])
      + blocks.enumerated().flatMap { index, block in
        [
          ModuleChild("resnets.\(index).block1", block.first),
          ("resnets.\(index).block2", block.second),
        ]
      } + (convOut.map { [("out_conv", $0)] } ?? [])
  }
}
