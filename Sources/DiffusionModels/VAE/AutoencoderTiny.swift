import Foundation
import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The configuration of an `AutoencoderTiny`, from its `config.json`.
public struct TinyVAEConfig: Sendable, Equatable {
  /// Channels of the picture that is encoded.
  public var inChannels: Int
  /// Channels of the picture that is decoded.
  public var outChannels: Int
  /// Channels of a latent.
  public var latentChannels: Int
  /// Feature channels and residual blocks per level of the encoder, finest first.
  public var encoder: [(channels: Int, blocks: Int)]
  /// Feature channels and residual blocks per level of the decoder, coarsest first.
  public var decoder: [(channels: Int, blocks: Int)]
  /// The activation inside the blocks.
  public var activation: Activation
  /// The factor by which every level of the decoder but the last enlarges.
  public var enlargement: Int
  /// The factor from the autoencoder's latents to the UNet's.
  public var scalingFactor: Float

  /// The ratio of a picture's side to its latent's.
  public var downscale: Int { 1 << (encoder.count - 1) }

  /// Reads a `config.json` of diffusers' `AutoencoderTiny`.
  ///
  /// - Parameter json: The document; members that are absent have diffusers' defaults.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json, model: "AutoencoderTiny")
    try reader.require("_class_name", oneOf: ["AutoencoderTiny"])
    try reader.require("upsample_fn", oneOf: ["nearest"])
    inChannels = try reader.dimension("in_channels", default: 3)
    outChannels = try reader.dimension("out_channels", default: 3)
    latentChannels = try reader.dimension("latent_channels", default: 4)
    encoder = try reader.levels(
      "encoder_block_out_channels", "num_encoder_blocks", default: [1, 3, 3, 3])
    decoder = try reader.levels(
      "decoder_block_out_channels", "num_decoder_blocks", default: [3, 3, 3, 1])
    activation = reader.value("act_fn") == nil ? .relu : try reader.activation("act_fn")
    enlargement = try reader.dimension("upsampling_scaling_factor", default: 2)
    scalingFactor = try reader.float("scaling_factor", default: 1)
    guard scalingFactor != 0 else { throw reader.invalid("scaling_factor", "is zero") }
    guard enlargement <= 8 else { throw reader.invalid("upsampling_scaling_factor", "over 8") }
    var enlarged = 1
    for _ in decoder.dropLast() where enlarged <= downscale { enlarged *= enlargement }
    guard encoder.count <= 8, enlarged == downscale else {
      throw reader.unsupported(
        "num_decoder_blocks", "\(decoder.count) levels", supported: "as large as what was encoded")
    }
  }

  /// Compares all options.
  public static func == (left: TinyVAEConfig, right: TinyVAEConfig) -> Bool {
    left.inChannels == right.inChannels && left.outChannels == right.outChannels
      && left.latentChannels == right.latentChannels && left.activation == right.activation
      && left.encoder.elementsEqual(right.encoder, by: ==)
      && left.decoder.elementsEqual(right.decoder, by: ==)
      && left.enlargement == right.enlargement && left.scalingFactor == right.scalingFactor
  }
}

extension ConfigReader {
  fileprivate func levels(
    _ channelOption: String, _ blockOption: String, default blocks: [Int]
  ) throws -> [(channels: Int, blocks: Int)] {
    let channels = try dimensions(channelOption, default: [64, 64, 64, 64])
    let blocks = try dimensions(blockOption, default: blocks)
    guard channels.count == blocks.count else {
      throw invalid(blockOption, "has \(blocks.count) entries for \(channels.count) levels")
    }
    // The encoder and decoder of diffusers have one width throughout as well.
    guard Set(channels).count == 1 else {
      throw unsupported(channelOption, "\(channels)", supported: "equal widths")
    }
    guard blocks.allSatisfy({ $0 <= 64 }) else { throw invalid(blockOption, "over 64") }
    return zip(channels, blocks).map { ($0, $1) }
  }
}

/// A small autoencoder (TAESD) for previews, whose decoder is tens of times faster than
/// `AutoencoderKL`'s.
///
/// Its pictures are approximations of the full decoder's.
public final class AutoencoderTiny: Sendable {
  /// The configuration of the model.
  public let config: TinyVAEConfig
  private let encoder: [TinyLayer]
  private let decoder: [TinyLayer]

  /// Builds the model.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used.
  public init(_ weights: WeightScope, config: TinyVAEConfig) throws {
    self.config = config
    encoder = try Self.encoder(weights["encoder"]["layers"], config)
    decoder = try Self.decoder(weights["decoder"]["layers"], config)
    try weights.verifyAllUsed(except: { _ in false })
  }

  /// Encodes pictures [B, 3, H, W] in -1...1 to latents [B, latentChannels, h, w].
  public func encode(_ image: Tensor) -> Tensor {
    encoder.reduce(((image + 1) / 2).channelsLast()) { $1($0) }.contiguous()
  }

  /// Decodes latents [B, latentChannels, h, w] to pictures [B, 3, H, W], about -1...1.
  public func decode(_ latent: Tensor) -> Tensor {
    // The hyperbolic tangent brings outliers into -3...3.
    let bent = Tensor(latent.floats().map { Foundation.tanh($0 / 3) * 3 }, shape: latent.shape)
    return (decoder.reduce(bent.channelsLast()) { $1($0) }.contiguous() * 2) - 1
  }

  /// Scales latents of the autoencoder to the UNet's.
  public func scaled(_ latent: Tensor) -> Tensor { latent * config.scalingFactor }

  /// Scales latents of the UNet to the autoencoder's.
  public func unscaled(_ latent: Tensor) -> Tensor { latent / config.scalingFactor }

  private static func encoder(_ weights: WeightScope, _ config: TinyVAEConfig) throws -> [TinyLayer]
  {
    var layers: [TinyLayer] = []
    for (index, level) in config.encoder.enumerated() {
      let name = "\(layers.count)"
      let width = level.channels
      let conv =
        index == 0
        ? try weights.convolution(name, config.inChannels, width)
        : try weights.convolutionWithoutBias(name, width, width, stride: 2)
      layers.append(.convolution(conv, .none, enlargement: 1))
      for _ in 0..<level.blocks {
        layers.append(
          .block(try TinyBlock(weights[layers.count], width: width, config.activation)))
      }
    }
    let last = config.encoder[config.encoder.count - 1].channels
    let out = try weights.convolution("\(layers.count)", last, config.latentChannels)
    return layers + [.convolution(out, .none, enlargement: 1)]
  }

  private static func decoder(_ weights: WeightScope, _ config: TinyVAEConfig) throws -> [TinyLayer]
  {
    let first = try weights.convolution("0", config.latentChannels, config.decoder[0].channels)
    var layers: [TinyLayer] = [.convolution(first, config.activation, enlargement: 1)]
    // In the file, activations and enlargements have numbers too.
    var index = 2
    for (level, (width, blocks)) in config.decoder.enumerated() {
      for _ in 0..<blocks {
        layers.append(.block(try TinyBlock(weights[index], width: width, config.activation)))
        index += 1
      }
      let isLast = level == config.decoder.count - 1
      if !isLast { index += 1 }
      let conv =
        isLast
        ? try weights.convolution("\(index)", width, config.outChannels)
        : try weights.convolutionWithoutBias("\(index)", width, width)
      layers.append(.convolution(conv, .none, enlargement: isLast ? 1 : config.enlargement))
      index += 1
    }
    return layers
  }
}

/// One step of a tiny encoder or decoder.
private enum TinyLayer: Sendable {
  /// Nearest-neighbour enlargement, convolution, activation.
  case convolution(Conv2D, Activation, enlargement: Int)
  case block(TinyBlock)

  func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .block(let block): return block(x)
    case .convolution(let conv, let activation, let factor):
      let size = factor == 1 ? nil : (height: factor * x.shape[2], width: factor * x.shape[3])
      return conv(x, activation: activation, upsampledTo: size)
    }
  }
}

/// Three convolutions with a residual connection around them, and a rectifier after the sum.
private struct TinyBlock: Sendable {
  private let first: Conv2D
  private let second: Conv2D
  private let third: Conv2D
  private let activation: Activation

  init(_ weights: WeightScope, width: Int, _ activation: Activation) throws {
    self.activation = activation
    first = try weights["conv"].convolution("0", width, width)
    second = try weights["conv"].convolution("2", width, width)
    third = try weights["conv"].convolution("4", width, width)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = second(first(x, activation: activation), activation: activation)
    return third(hidden, residual: x, activation: .relu)
  }
}
