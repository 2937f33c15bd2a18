import ResgraphFiles

/// Makes configurations for checkpoints that carry none, from the shapes of the tensors.
///
/// Head counts, scaling factor and schedule do not show in the shapes, and are those of the family.
enum SynthesizedConfig {
  /// The `config.json` of a UNet with diffusers' names.
  static func unet(_ source: any WeightSource, family: ModelFamily, isVelocity: Bool) -> JSONValue {
    let shape = UNetShape(source)
    let channels = shape.channels
    let heads: JSONValue =
      family == .sd1 ? 8 : .array(channels.map { .integer(max(1, $0 / 64)) })
    var config: [String: JSONValue] = [
      "_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": heads,
      "block_out_channels": .array(channels.map { .integer($0) }), "center_input_sample": false,
      "cross_attention_dim": .integer(shape.crossAttention),
      "down_block_types": .array(
        shape.attentionDepths.map { $0 > 0 ? "CrossAttnDownBlock2D" : "DownBlock2D" }),
      "up_block_types": .array(
        shape.attentionDepths.reversed().map { $0 > 0 ? "CrossAttnUpBlock2D" : "UpBlock2D" }),
      "mid_block_type": "UNetMidBlock2DCrossAttn", "downsample_padding": 1,
      "flip_sin_to_cos": true, "freq_shift": 0,
      "in_channels": .integer(size(source, "conv_in.weight", 1)),
      "out_channels": .integer(size(source, "conv_out.weight", 0)),
      "layers_per_block": .integer(shape.layers), "mid_block_scale_factor": 1, "norm_eps": 1e-5,
      "norm_num_groups": 32, "use_linear_projection": .bool(shape.hasLinearProjection),
      "sample_size": family == .sdxl ? 128 : family == .sd2 && isVelocity ? 96 : 64,
    ]
    if family == .sdxl {
      config["addition_embed_type"] = "text_time"
      config["addition_time_embed_dim"] = 256
      config["projection_class_embeddings_input_dim"] =
        .integer(size(source, "add_embedding.linear_1.weight", 1))
      config["transformer_layers_per_block"] =
        .array(shape.attentionDepths.map { .integer(max(1, $0)) })
    }
    return .object(config)
  }

  /// The `config.json` of an autoencoder with diffusers' names.
  static func autoencoder(_ source: any WeightSource, family: ModelFamily) -> JSONValue {
    let levels = count(source, "decoder.up_blocks")
    // The decoder counts its levels from the deepest one. The first convolution of a level tells
    // the level's width.
    let channels = (0..<levels).map {
      size(source, "decoder.up_blocks.\(levels - 1 - $0).resnets.0.conv1.weight", 0)
    }
    let layers = count(source, "decoder.up_blocks.0.resnets") - 1
    return [
      "_class_name": "AutoencoderKL", "act_fn": "silu",
      "block_out_channels": .array(channels.map { .integer($0) }),
      "down_block_types": .array(channels.map { _ in "DownEncoderBlock2D" }),
      "up_block_types": .array(channels.map { _ in "UpDecoderBlock2D" }),
      "in_channels": .integer(size(source, "encoder.conv_in.weight", 1)),
      "out_channels": .integer(size(source, "decoder.conv_out.weight", 0)),
      "latent_channels": .integer(size(source, "decoder.conv_in.weight", 1)),
      "layers_per_block": .integer(layers), "norm_num_groups": 32,
      "sample_size": family == .sdxl ? 1024 : 512,
      "scaling_factor": family == .sdxl ? 0.13025 : 0.18215,
      "force_upcast": .bool(family == .sdxl),
    ]
  }

  /// The `config.json` of a text encoder with transformers' names.
  static func textEncoder(_ source: any WeightSource, isOpenCLIP: Bool) -> JSONValue {
    let token = "text_model.embeddings.token_embedding.weight"
    let position = "text_model.embeddings.position_embedding.weight"
    let width = size(source, token, 1)
    let hasProjection = source.entry("text_projection.weight") != nil
    return [
      "architectures": [hasProjection ? "CLIPTextModelWithProjection" : "CLIPTextModel"],
      "model_type": "clip_text_model", "hidden_size": .integer(width),
      "intermediate_size": .integer(
        size(source, "text_model.encoder.layers.0.mlp.fc1.weight", 0)),
      "num_hidden_layers": .integer(count(source, "text_model.encoder.layers")),
      "num_attention_heads": .integer(max(1, width / 64)),
      "max_position_embeddings": .integer(size(source, position, 0)),
      "vocab_size": .integer(size(source, token, 0)),
      "projection_dim": .integer(
        hasProjection ? size(source, "text_projection.weight", 0) : isOpenCLIP ? 512 : 768),
      "hidden_act": isOpenCLIP ? "gelu" : "quick_gelu", "layer_norm_eps": 1e-5,
      "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
    ]
  }

  /// The `scheduler_config.json` that the family's repositories have.
  static func scheduler(family: ModelFamily, prediction: String, zeroSNR: Bool) -> JSONValue {
    var config: [String: JSONValue] = [
      "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
      "num_train_timesteps": 1000, "clip_sample": false, "set_alpha_to_one": false,
      "skip_prk_steps": true, "steps_offset": 1, "prediction_type": .string(prediction),
      "trained_betas": nil,
    ]
    switch family {
    case .sd1: config["_class_name"] = "PNDMScheduler"
    case .sd2: config["_class_name"] = prediction == "epsilon" ? "PNDMScheduler" : "DDIMScheduler"
    case .sdxl:
      config["_class_name"] = "EulerDiscreteScheduler"
      config["interpolation_type"] = "linear"
      config["sample_max_value"] = 1.0
      config["timestep_spacing"] = "leading"
      config["use_karras_sigmas"] = false
    }
    if zeroSNR { config["rescale_betas_zero_snr"] = true }
    return .object(config)
  }

  /// One dimension of a tensor; 0 when there is no such tensor or dimension.
  static func size(_ source: any WeightSource, _ key: String, _ axis: Int) -> Int {
    guard let shape = source.entry(key)?.shape, shape.indices.contains(axis) else { return 0 }
    return shape[axis]
  }

  /// Counts the numbered members of a list.
  static func count(_ source: any WeightSource, _ path: String) -> Int {
    let scope = WeightScope(source)
    var count = 0
    while scope.has("\(path).\(count)") { count += 1 }
    return count
  }
}

/// The structure of a UNet, derived from its tensors.
private struct UNetShape {
  let channels: [Int]
  let layers: Int
  /// Transformer blocks per attention of each down block; 0 where a block has no attention.
  let attentionDepths: [Int]
  let crossAttention: Int
  let hasLinearProjection: Bool

  init(_ source: any WeightSource) {
    let levels = SynthesizedConfig.count(source, "down_blocks")
    channels = (0..<levels).map {
      SynthesizedConfig.size(source, "down_blocks.\($0).resnets.0.conv1.weight", 0)
    }
    layers = SynthesizedConfig.count(source, "down_blocks.0.resnets")
    attentionDepths = (0..<levels).map {
      SynthesizedConfig.count(source, "down_blocks.\($0).attentions.0.transformer_blocks")
    }
    let attention = "mid_block.attentions.0"
    crossAttention = SynthesizedConfig.size(
      source, "\(attention).transformer_blocks.0.attn2.to_k.weight", 1)
    hasLinearProjection = source.entry("\(attention).proj_in.weight")?.shape.count == 2
  }
}
