import TensorRuntime

/// One resolution of a UNet, on the way down and on the way up.
public struct UNetLevel: Sendable, Equatable {
  /// Feature channels.
  public var channels: Int
  /// Residual blocks on the way down; there is one more on the way up.
  public var layers: Int
  /// Attention heads; the width of a head is `channels / heads`.
  public var heads: Int
  /// Width of the text tokens that the level attends to.
  public var contextWidth: Int
  /// Whether the first attention of each block reads the text too.
  public var onlyCrossAttention = false
  /// Transformer blocks behind each residual block on the way down; empty without attention.
  public var downDepths: [Int]
  /// The same on the way up, one more entry.
  public var upDepths: [Int]
}

/// The bottom of a UNet.
public enum UNetMiddle: Sendable, Equatable {
  /// `UNetMidBlock2DCrossAttn`: residual block, transformer of that depth, residual block.
  case crossAttention(depth: Int)
  /// `UNetMidBlock2D`: one residual block.
  case plain
  /// The UNet has no middle block.
  case none
}

/// The conditioning that SDXL adds to the time embedding.
public struct TextTimeConfig: Sendable, Equatable {
  /// Sinusoids per number.
  public var timeChannels: Int
  /// Width of the pooled text and all sinusoids together.
  public var inputWidth: Int
}

/// The configuration of a `UNet2DConditionModel`, from its `config.json`.
public struct UNetConfig: Sendable, Equatable {
  /// Channels of the sample: 4 latents, 9 for inpainting models.
  public var inChannels = 4
  /// Channels of the prediction.
  public var outChannels = 4
  /// The latent size that the model was trained for, height and width; nil when the file gives
  /// none.
  public var sampleSize: [Int]?
  /// Resolutions, finest first.
  public var levels: [UNetLevel]
  /// The bottom.
  public var middle: UNetMiddle = .crossAttention(depth: 1)
  /// Groups of every group normalisation.
  public var groups = 32
  /// Epsilon of the group normalisations outside the transformers.
  public var normEps: Float = 1e-5
  /// The activation of residual blocks, time embedding and output.
  public var activation: Activation = .silu
  /// Whether the transformers' outer projections are linear layers instead of 1x1 convolutions.
  public var linearProjection = false
  /// Whether cosines come before sines in the time embedding.
  public var cosineFirst = true
  /// The time embedding's frequency shift.
  public var frequencyShift: Float = 0
  /// Width of the time embedding; four times the finest level's channels when nil.
  public var timeEmbeddingWidth: Int?
  /// Width of the guidance embedding of latent-consistency models; nil for all others.
  public var timestepCondWidth: Int?
  /// SDXL's added conditioning; nil for all others.
  public var textTime: TextTimeConfig?
  /// Whether samples are in 0...1, and are moved to -1...1 first.
  public var centersSample = false
  /// Padding of the downsamplers; 0 pads right and bottom only.
  public var downsamplePadding = 1
  /// The number by which the residual sums of the middle block are divided.
  public var middleScale: Float = 1
  /// Kernel of the first convolution.
  public var inputKernel = 3
  /// Kernel of the last convolution.
  public var outputKernel = 3
}

extension UNetConfig {
  /// Width of the text tokens.
  public var crossAttentionWidth: Int { levels.map(\.contextWidth).max() ?? 0 }

  /// Width of the time embedding.
  var timeChannels: Int { timeEmbeddingWidth ?? 4 * levels[0].channels }

  /// The smallest maps, in pixels, for which the fastest convolutions are used.
  ///
  /// The finest level of a picture of 512x512 has maps of this size, and is a sixth faster with
  /// them. The largest error of Stable Diffusion 1.5 is then 1.3e-5 of its largest value, instead
  /// of 4e-6.
  static let largeTileMap = 64 * 64

  /// The options that the residual blocks share.
  var resnets: ResnetOptions {
    ResnetOptions(
      timeChannels: timeChannels, groups: groups, eps: normEps, activation: activation,
      largeTileMap: Self.largeTileMap)
  }

  /// The options that the transformers of a level share.
  func transformers(_ level: UNetLevel) -> TransformerOptions {
    TransformerOptions(
      channels: level.channels, heads: level.heads, contextWidth: level.contextWidth,
      groups: groups, onlyCrossAttention: level.onlyCrossAttention,
      linearProjection: linearProjection)
  }

  /// The bytes of feature maps that a call holds at once.
  ///
  /// - Parameter shape: The latents of the call, [B, C, h, w].
  /// - Returns: An estimate.
  package func featureMapBytes(_ shape: [Int]) -> Int {
    // The skip connections and a few feature maps of the finest level take this much, as measured
    // on Stable Diffusion 1.5.
    shape[0] * shape[2] * shape[3] * levels.map(\.channels).reduce(0, +) * 4 * 4
  }
}
