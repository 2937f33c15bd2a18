import ResgraphFiles
import ResgraphWeights

/// The configuration of a `ControlNetModel`, from its `config.json`.
public struct ControlNetConfig: Sendable, Equatable {
  /// The UNet of whose down and middle blocks the model is a copy.
  ///
  /// Its up blocks are not built.
  public var unet: UNetConfig
  /// Channels of the control picture.
  public var conditioningChannels = 3
  /// Channels of the stem that brings the control picture to the size of a latent.
  public var stemChannels = [16, 32, 96, 256]
  /// Whether the model expects the channels in the order blue, green, red.
  public var reversesChannels = false
  /// Whether residuals are averaged over the picture, as by the "shuffle" model.
  ///
  /// This implies guess mode.
  public var globalPool = false

  /// Reads a `config.json` of diffusers' `ControlNetModel`.
  ///
  /// - Parameter json: The document; members that are absent have diffusers' defaults.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws {
    let reader = try ConfigReader(json, model: Self.model)
    let levels = try reader.dimensions("block_out_channels", default: [320, 640, 1280, 1280]).count
    var members = json.objectValue ?? [:]
    // The configuration says nothing about up blocks, because there are none.
    members["up_block_types"] = .array(Array(repeating: "UpBlock2D", count: levels))
    unet = try UNetConfig(json: .object(members), model: Self.model)
    conditioningChannels = try reader.dimension("conditioning_channels", default: 3)
    stemChannels = try reader.dimensions(
      "conditioning_embedding_out_channels", default: [16, 32, 96, 256])
    try reader.require("controlnet_conditioning_channel_order", oneOf: ["rgb", "bgr"])
    reversesChannels = try reader.string("controlnet_conditioning_channel_order") == "bgr"
    globalPool = try reader.flag("global_pool_conditions", default: false)
  }

  private static let model = "ControlNetModel"

  /// How many times a control picture's side is a latent's.
  public var downscale: Int { 1 << (stemChannels.count - 1) }
}
