import ResgraphWeights
import TensorRuntime

/// Attention over the pixels of a feature map in one head, with a group normalisation before it and
/// a residual connection around it.
struct VAEAttention: Sendable {
  private let groupNorm: GroupNorm
  private let attention: Attention

  init(_ weights: WeightScope, channels: Int, groups: Int) throws {
    groupNorm = try weights.groupNorm("group_norm", channels, groups: groups, eps: 1e-6)
    attention = try Attention(
      weights, width: channels, contextWidth: channels, heads: 1, bias: true)
  }

  /// Applies the block to [B, C, H, W]; the shape stays.
  func callAsFunction(_ x: Tensor) -> Tensor {
    attention(groupNorm(x).tokens(), residual: x.tokens())
      .featureMap(height: x.shape[2], width: x.shape[3])
  }
}

extension VAEAttention: ModuleNode {
  var summary: String { attention.summary }
  var children: [ModuleChild] { [("group_norm", groupNorm)] + attention.children }
}

/// Residual block, attention, residual block (`UNetMidBlock2D`).
struct VAEMidBlock: Sendable {
  private let resnets: [ResnetBlock2D]
  private let attention: VAEAttention?

  init(_ weights: WeightScope, _ config: VAEConfig) throws {
    let channels = config.blockOutChannels[config.blockOutChannels.count - 1]
    resnets = try (0..<2).map {
      try ResnetBlock2D(weights["resnets"][$0], from: channels, to: channels, config.resnets)
    }
    attention =
      config.middleAttends
      ? try VAEAttention(weights["attentions"][0], channels: channels, groups: config.groups) : nil
  }

  /// Applies the block to [B, C, H, W]; the shape stays.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = resnets[0](x, time: nil)
    return resnets[1](attention?(hidden) ?? hidden, time: nil)
  }
}

extension VAEMidBlock: ModuleNode {
  var summary: String { "UNetMidBlock2D" }
  var children: [ModuleChild] {
    (attention.map { [("attentions.0", $0)] } ?? []) + indexed("resnets", resnets)
  }
}

/// Residual blocks and a change of size (`DownEncoderBlock2D`, `UpDecoderBlock2D`).
struct VAELevel: Sendable {
  /// Whether pictures become smaller or larger.
  enum Direction: Sendable {
    case down
    case up
  }

  private let resnets: [ResnetBlock2D]
  private let downsampler: Downsample2D?
  private let upsampler: Upsample2D?

  /// Loads one level.
  ///
  /// - Parameters:
  ///   - weights: The scope of the block.
  ///   - channels: The channels before the level, and in it.
  ///   - layers: Residual blocks.
  ///   - options: The options that the blocks share.
  ///   - resampling: The change of size after the blocks; nil for none.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, channels: (from: Int, to: Int), layers: Int, _ options: ResnetOptions,
    resampling: Direction?
  ) throws {
    let width = channels.to
    resnets = try (0..<layers).map {
      try ResnetBlock2D(
        weights["resnets"][$0], from: $0 == 0 ? channels.from : width, to: width, options)
    }
    downsampler =
      resampling == .down
      ? try Downsample2D(weights["downsamplers"][0], channels: width, padding: 0) : nil
    upsampler =
      resampling == .up ? try Upsample2D(weights["upsamplers"][0], channels: width) : nil
  }

  /// Applies the level.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = resnets.reduce(x) { $1($0, time: nil) }
    return upsampler?(hidden) ?? downsampler?(hidden) ?? hidden
  }
}

extension VAELevel: ModuleNode {
  var summary: String { "VAELevel" }
  var children: [ModuleChild] {
    indexed("resnets", resnets) + (downsampler.map { [("downsamplers.0", $0)] } ?? [])
      + (upsampler.map { [("upsamplers.0", $0)] } ?? [])
  }
}

/// The encoder: levels from fine to coarse, middle, output.
struct VAEEncoder: Sendable {
  private let convIn: Conv2D
  private let levels: [VAELevel]
  private let mid: VAEMidBlock
  private let convNormOut: GroupNorm
  private let convOut: Conv2D

  init(_ weights: WeightScope, _ config: VAEConfig) throws {
    let channels = config.blockOutChannels
    let last = channels.count - 1
    convIn = try weights.convolution("conv_in", config.inChannels, channels[0])
    levels = try channels.indices.map { level in
      try VAELevel(
        weights["down_blocks"][level], channels: (channels[max(0, level - 1)], channels[level]),
        layers: config.layersPerBlock, config.resnets, resampling: level == last ? nil : .down)
    }
    mid = try VAEMidBlock(weights["mid_block"], config)
    convNormOut = try weights.groupNorm(
      "conv_norm_out", channels[last], groups: config.groups, eps: 1e-6)
    convOut = try weights.convolution("conv_out", channels[last], 2 * config.latentChannels)
  }

  /// Encodes [B, 3, H, W] to [B, 2 * latentChannels, h, w].
  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = mid(levels.reduce(convIn(x)) { $1($0) })
    return convOut(convNormOut(hidden, activation: .silu))
  }
}

extension VAEEncoder: ModuleNode {
  var summary: String { "Encoder" }
  var children: [ModuleChild] {
    [("conv_in", convIn)] + indexed("down_blocks", levels)
      + [("mid_block", mid), ("conv_norm_out", convNormOut), ("conv_out", convOut)]
  }
}

/// The decoder: middle, levels from coarse to fine, output.
struct VAEDecoder: Sendable {
  private let convIn: Conv2D
  private let mid: VAEMidBlock
  private let levels: [VAELevel]
  private let convNormOut: GroupNorm
  private let convOut: Conv2D

  init(_ weights: WeightScope, _ config: VAEConfig) throws {
    let channels = Array(config.blockOutChannels.reversed())
    let last = channels.count - 1
    convIn = try weights.convolution("conv_in", config.latentChannels, channels[0])
    mid = try VAEMidBlock(weights["mid_block"], config)
    levels = try channels.indices.map { level in
      try VAELevel(
        weights["up_blocks"][level], channels: (channels[max(0, level - 1)], channels[level]),
        layers: config.layersPerBlock + 1, config.resnets, resampling: level == last ? nil : .up)
    }
    convNormOut = try weights.groupNorm(
      "conv_norm_out", channels[last], groups: config.groups, eps: 1e-6)
    convOut = try weights.convolution("conv_out", channels[last], config.outChannels)
  }

  /// Decodes [B, latentChannels, h, w] to [B, 3, H, W].
  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = levels.reduce(mid(convIn(x))) { $1($0) }
    return convOut(convNormOut(hidden, activation: .silu))
  }
}

extension VAEDecoder: ModuleNode {
  var summary: String { "Decoder" }
  var children: [ModuleChild] {
    [("conv_in", convIn), ("mid_block", mid)] + indexed("up_blocks", levels)
      + [("conv_norm_out", convNormOut), ("conv_out", convOut)]
  }
}
