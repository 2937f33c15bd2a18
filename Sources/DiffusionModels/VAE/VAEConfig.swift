import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The configuration of an `AutoencoderKL`, from its `config.json`.
public struct VAEConfig: Sendable, Equatable {
  /// Channels of the picture that is encoded.
  public var inChannels = 3
  /// Channels of the picture that is decoded.
  public var outChannels = 3
  /// Channels of a latent.
  public var latentChannels = 4
  /// Feature channels per level, finest first.
  public var blockOutChannels: [Int]
  /// Residual blocks per level of the encoder; the decoder has one more.
  public var layersPerBlock = 1
  /// Groups of every group normalisation.
  public var groups = 32
  /// The activation of the residual blocks.
  public var activation: Activation = .silu
  /// The side of the pictures that the model was trained with, which is also the side of a tile.
  public var sampleSize = 32
  /// The factor from the autoencoder's latents to the UNet's.
  public var scalingFactor: Float = 0.18215
  /// The number that is subtracted from latents before they are scaled.
  public var shiftFactor: Float?
  /// Mean per latent channel, for models with per-channel statistics.
  public var latentsMean: [Float]?
  /// Standard deviation per latent channel, for models with per-channel statistics.
  public var latentsStd: [Float]?
  /// Whether there is a 1x1 convolution after the encoder.
  public var usesQuantConv = true
  /// Whether there is a 1x1 convolution before the decoder.
  public var usesPostQuantConv = true
  /// Whether the middle blocks have attention.
  public var middleAttends = true
}

extension VAEConfig {
  /// The ratio of a picture's side to its latent's.
  public var downscale: Int { 1 << (blockOutChannels.count - 1) }

  /// The options that the residual blocks share.
  var resnets: ResnetOptions {
    ResnetOptions(timeChannels: nil, groups: groups, eps: 1e-6, activation: activation)
  }

  /// Reads a `config.json` of diffusers' `AutoencoderKL`.
  ///
  /// - Parameter json: The document; members that are absent have diffusers' defaults.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json, model: "AutoencoderKL")
    try reader.require("_class_name", oneOf: ["AutoencoderKL"])
    blockOutChannels = try reader.dimensions("block_out_channels", default: [64])
    try reader.requireBlocks("down_block_types", "DownEncoderBlock2D", blockOutChannels.count)
    try reader.requireBlocks("up_block_types", "UpDecoderBlock2D", blockOutChannels.count)
    inChannels = try reader.dimension("in_channels", default: 3)
    outChannels = try reader.dimension("out_channels", default: 3)
    latentChannels = try reader.dimension("latent_channels", default: 4)
    layersPerBlock = try reader.dimension("layers_per_block", default: 1)
    guard layersPerBlock <= 64 else { throw reader.invalid("layers_per_block", "over 64") }
    groups = try reader.dimension("norm_num_groups", default: 32)
    try reader.checkGroups(groups, channels: blockOutChannels)
    activation = try reader.activation("act_fn")
    sampleSize = try reader.firstDimension("sample_size", default: 32)
    scalingFactor = try reader.float("scaling_factor", default: 0.18215)
    guard scalingFactor != 0 else { throw reader.invalid("scaling_factor", "is zero") }
    shiftFactor = try reader.optionalFloat("shift_factor")
    latentsMean = try reader.statistics("latents_mean", channels: latentChannels)
    latentsStd = try reader.statistics("latents_std", channels: latentChannels)
    guard (latentsMean == nil) == (latentsStd == nil) else {
      throw reader.invalid("latents_mean", "needs latents_std, and the other way round")
    }
    usesQuantConv = try reader.flag("use_quant_conv", default: true)
    usesPostQuantConv = try reader.flag("use_post_quant_conv", default: true)
    middleAttends = try reader.flag("mid_block_add_attention", default: true)
  }
}

extension ConfigReader {
  fileprivate func requireBlocks(_ option: String, _ name: String, _ count: Int) throws {
    let names = try strings(option, default: [name])
    if let other = names.first(where: { $0 != name }) {
      throw unsupported(option, "\"\(other)\"", supported: name)
    }
    guard names.count == count else {
      throw invalid(option, "has \(names.count) entries for \(count) block_out_channels")
    }
  }

  /// Reads a number, or the first of a list of numbers.
  fileprivate func firstDimension(_ option: String, default fallback: Int) throws -> Int {
    guard let value = value(option) else { return fallback }
    return try dimension(value.arrayValue?.first ?? value, option)
  }

  fileprivate func statistics(_ option: String, channels: Int) throws -> [Float]? {
    guard let values = try floats(option) else { return nil }
    guard values.count == channels else {
      throw invalid(option, "has \(values.count) entries for \(channels) latent channels")
    }
    return values
  }
}
