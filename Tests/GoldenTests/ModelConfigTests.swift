import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Configurations that cannot be run are refused by the option's name, before any weight is read.
@Suite struct ModelConfigTests {
  private func unet(_ change: [String: JSONValue]) throws -> UNetConfig {
    var members = try GoldenFolder("unet_sd1").config().objectValue ?? [:]
    members.merge(change) { $1 }
    return try UNetConfig(json: .object(members))
  }

  private func vae(_ change: [String: JSONValue]) throws -> VAEConfig {
    var members = try GoldenFolder("vae_sd").config().objectValue ?? [:]
    members.merge(change) { $1 }
    return try VAEConfig(json: .object(members))
  }

  private static let unsupported: [(String, JSONValue)] = [
    ("dual_cross_attention", true), ("resnet_time_scale_shift", "scale_shift"),
    ("class_embed_type", "timestep"), ("num_class_embeds", 10), ("encoder_hid_dim", 64),
    ("encoder_hid_dim_type", "text_proj"), ("addition_embed_type", "text"),
    ("time_embedding_type", "fourier"), ("time_embedding_act_fn", "silu"),
    ("timestep_post_act", "silu"), ("attention_type", "gated"), ("cross_attention_norm", "x"),
    ("num_attention_heads", 8), ("norm_num_groups", nil), ("act_fn", "mish"),
    ("mid_block_type", "UNetMidBlock2DSimpleCrossAttn"), ("downsample_padding", 2),
    ("conv_in_kernel", 4), ("class_embeddings_concat", true), ("resnet_skip_time_act", true),
    ("resnet_out_scale_factor", 0.5), ("_class_name", "UNet2DModel"),
    ("down_block_types", ["KDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"]),
    ("up_block_types", ["UpBlock2D", "UpBlock2D", "UpBlock2D", "SkipUpBlock2D"]),
  ]

  @Test(arguments: unsupported)
  func refusedUNetOption(option: String, value: JSONValue) throws {
    let error = #expect(throws: ModelError.self) { try unet([option: value]) }
    guard case .unsupportedOption(_, let named, _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(named == option)
  }

  private static let invalid: [(String, JSONValue)] = [
    ("block_out_channels", []), ("block_out_channels", [0, 1, 2, 3]),
    ("block_out_channels", [16, 24, 32, 9_000_000_000]), ("block_out_channels", "x"),
    ("block_out_channels", [16, 24, 32, 32.5]), ("layers_per_block", [1, 2]),
    ("layers_per_block", 1_000_000), ("attention_head_dim", 5), ("attention_head_dim", [1, 2]),
    ("down_block_types", ["DownBlock2D"]), ("transformer_layers_per_block", [1, 1]),
    ("transformer_layers_per_block", 100_000), ("only_cross_attention", [true]),
    ("norm_num_groups", -4), ("norm_eps", "small"), ("in_channels", 0), ("sample_size", [1, 2, 3]),
    ("use_linear_projection", "yes"), ("cross_attention_dim", [64]),
  ]

  @Test(arguments: invalid)
  func invalidUNetOption(option: String, value: JSONValue) throws {
    let error = #expect(throws: ModelError.self) { try unet([option: value]) }
    guard case .invalidOption(_, let named, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(named == option)
  }

  @Test func notAnObject() {
    #expect(throws: ModelError.self) { try UNetConfig(json: [1, 2]) }
    #expect(throws: ModelError.self) { try VAEConfig(json: .null) }
  }

  @Test func groupsThatDoNotDivide() throws {
    for refused in [
      #expect(throws: ModelError.self) { try unet(["norm_num_groups": 7]) },
      #expect(throws: ModelError.self) { try vae(["norm_num_groups": 7]) },
    ] {
      #expect("\(refused.map { "\($0)" } ?? "")".contains("norm_num_groups"))
    }
  }

  private static let refusedByVAE: [(String, JSONValue)] = [
    ("down_block_types", ["AttnDownEncoderBlock2D"]), ("act_fn", "mish"),
    ("_class_name", "AsymmetricAutoencoderKL"), ("latents_mean", [1, 2]),
    ("scaling_factor", 0), ("latent_channels", -1), ("layers_per_block", 100_000),
    ("latents_std", [1, 1, 1, 1]),
  ]

  @Test(arguments: refusedByVAE)
  func refusedVAEOption(option: String, value: JSONValue) throws {
    let error = #expect(throws: ModelError.self) { try vae([option: value]) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("AutoencoderKL"))
  }

  @Test func defaultsAreThoseOfSD1() throws {
    let config = try UNetConfig(json: [:])
    #expect(config.levels.map(\.channels) == [320, 640, 1280, 1280])
    #expect(config.levels.map(\.heads) == [8, 8, 8, 8])
    #expect(config.levels.map(\.downDepths) == [[1, 1], [1, 1], [1, 1], []])
    #expect(config.levels.map(\.upDepths) == [[1, 1, 1], [1, 1, 1], [1, 1, 1], []])
    #expect(config.timeChannels == 1280)
  }

  @Test func depthsPerResidualBlock() throws {
    let config = try UNetConfig(json: GoldenFolder("unet_rare").config())
    #expect(config.levels.map(\.downDepths) == [[1, 2], [1]])
    #expect(config.levels.map(\.upDepths) == [[1, 2, 1], [1, 1]])
    #expect(config.levels.map(\.onlyCrossAttention) == [true, false])
  }

  @Test func wrongWeightsAreNamed() throws {
    let golden = try GoldenFolder("unet_sd1")
    let config = try UNetConfig(json: golden.config())
    var other = config
    other.inChannels = 9
    #expect {
      try UNet2DConditionModel(WeightScope(golden.weights()), config: other)
    } throws: { "\($0)".contains("conv_in.weight") }
    other = config
    other.middle = .plain
    #expect {
      try UNet2DConditionModel(WeightScope(golden.weights()), config: other)
    } throws: { "\($0)".contains("mid_block.") && "\($0)".contains("not used") }
    other = config
    other.levels[0].upDepths = [1, 1, 2]
    #expect {
      try UNet2DConditionModel(WeightScope(golden.weights()), config: other)
    } throws: { "\($0)".contains("up_blocks.3.attentions.2.transformer_blocks.1") }
  }
}
