import ResgraphFiles
import ResgraphWeights

extension UNetConfig {
  /// Reads a `config.json` of diffusers' `UNet2DConditionModel`.
  ///
  /// - Parameter json: The document; members that are absent have diffusers' defaults.
  /// - Throws: `ModelError` naming an option whose value is impossible or not implemented.
  public init(json: JSONValue) throws { try self.init(json: json, model: "UNet2DConditionModel") }

  /// Reads the options of a UNet, or of a model that is a part of one.
  init(json: JSONValue, model: String) throws {
    let reader = try ConfigReader(json, model: model)
    try reader.refuseUnsupported()
    levels = try reader.levels()
    inChannels = try reader.dimension("in_channels", default: 4)
    outChannels = try reader.dimension("out_channels", default: 4)
    sampleSize = try reader.sampleSize()
    middle = try reader.middle()
    groups = try reader.dimension("norm_num_groups", default: 32)
    normEps = try reader.float("norm_eps", default: 1e-5)
    activation = try reader.activation("act_fn")
    linearProjection = try reader.flag("use_linear_projection", default: false)
    cosineFirst = try reader.flag("flip_sin_to_cos", default: true)
    frequencyShift = try reader.float("freq_shift", default: 0)
    timeEmbeddingWidth = try reader.optionalDimension("time_embedding_dim")
    timestepCondWidth = try reader.optionalDimension("time_cond_proj_dim")
    textTime = try reader.textTime()
    centersSample = try reader.flag("center_input_sample", default: false)
    downsamplePadding = try reader.downsamplePadding()
    middleScale = try reader.float("mid_block_scale_factor", default: 1)
    inputKernel = try reader.kernel("conv_in_kernel")
    outputKernel = try reader.kernel("conv_out_kernel")
    try reader.checkGroups(groups, channels: levels.map(\.channels))
    try checkHeads(reader)
  }

  private func checkHeads(_ reader: ConfigReader) throws {
    let attending = levels.filter { !$0.downDepths.isEmpty || !$0.upDepths.isEmpty }
    let bottom = if case .crossAttention = middle { levels.suffix(1) } else { levels.suffix(0) }
    for level in attending + bottom where level.channels % level.heads != 0 {
      throw reader.invalid(
        "attention_head_dim", "\(level.channels) channels cannot be split into \(level.heads) heads"
      )
    }
  }
}

extension ConfigReader {
  /// Refuses every option that would change the computation in a way that is not implemented.
  fileprivate func refuseUnsupported() throws {
    try require("_class_name", oneOf: [.string(model)])
    try require("dual_cross_attention", oneOf: [false])
    try require("resnet_time_scale_shift", oneOf: ["default"])
    try require("resnet_skip_time_act", oneOf: [false])
    try require("resnet_out_scale_factor", oneOf: [1])
    try require("class_embed_type", oneOf: [])
    try require("num_class_embeds", oneOf: [])
    try require("class_embeddings_concat", oneOf: [false])
    try require("encoder_hid_dim", oneOf: [])
    try require("encoder_hid_dim_type", oneOf: [])
    try require("addition_embed_type", oneOf: ["text_time"])
    try require("time_embedding_type", oneOf: ["positional"])
    try require("time_embedding_act_fn", oneOf: [])
    try require("timestep_post_act", oneOf: [])
    try require("attention_type", oneOf: ["default"])
    try require("cross_attention_norm", oneOf: [])
    // diffusers refuses this option as well; `attention_head_dim` stands for it.
    try require("num_attention_heads", oneOf: [])
    if let groups = json["norm_num_groups"], groups.isNull {
      throw unsupported("norm_num_groups", "null", supported: "a number")
    }
  }

  fileprivate func levels() throws -> [UNetLevel] {
    let channels = try dimensions("block_out_channels", default: [320, 640, 1280, 1280])
    let count = channels.count
    let down = try blockTypes(
      "down_block_types", attending: "CrossAttnDownBlock2D", plain: "DownBlock2D", levels: count,
      default: [true, true, true, false])
    let up =
      try blockTypes(
        "up_block_types", attending: "CrossAttnUpBlock2D", plain: "UpBlock2D", levels: count,
        default: [false, true, true, true]
      ).reversed() as [Bool]
    let layers = try perLevel("layers_per_block", levels: count, default: 2)
    // In spite of its name this is the number of heads. diffusers keeps the name for released
    // checkpoints.
    let heads = try perLevel("attention_head_dim", levels: count, default: 8)
    let context = try perLevel("cross_attention_dim", levels: count, default: 1280)
    let onlyCross = try onlyCrossAttention(levels: count)
    guard layers.allSatisfy({ $0 <= 64 }) else { throw invalid("layers_per_block", "over 64") }
    return try (0..<count).map { level in
      UNetLevel(
        channels: channels[level], layers: layers[level], heads: heads[level],
        contextWidth: context[level], onlyCrossAttention: onlyCross[level],
        downDepths: down[level]
          ? try depths("transformer_layers_per_block", at: level, of: count, layers[level]) : [],
        upDepths: up[level] ? try upDepths(at: level, of: count, layers[level] + 1) : [])
    }
  }

  private func blockTypes(
    _ option: String, attending: String, plain: String, levels: Int, default fallback: [Bool]
  ) throws -> [Bool] {
    let names = try strings(option, default: fallback.map { $0 ? attending : plain })
    guard names.count == levels else {
      throw invalid(option, "has \(names.count) entries for \(levels) block_out_channels")
    }
    return try names.map { name in
      guard name == attending || name == plain else {
        throw unsupported(option, "\"\(name)\"", supported: "\(attending), \(plain)")
      }
      return name == attending
    }
  }

  private func onlyCrossAttention(levels: Int) throws -> [Bool] {
    guard let value = value("only_cross_attention") else {
      return Array(repeating: false, count: levels)
    }
    if let flag = value.boolValue { return Array(repeating: flag, count: levels) }
    guard let flags = json.bools("only_cross_attention"), flags.count == levels else {
      throw invalid("only_cross_attention", "expected true, false or one of them per level")
    }
    return flags
  }

  private func upDepths(at level: Int, of levels: Int, _ layers: Int) throws -> [Int] {
    let reversed = "reverse_transformer_layers_per_block"
    if value(reversed) != nil {
      return try depths(reversed, at: levels - 1 - level, of: levels, layers)
    }
    let option = "transformer_layers_per_block"
    if let entry = value(option)?.arrayValue?[level], entry.arrayValue != nil {
      throw invalid(reversed, "is needed where \(option) has lists")
    }
    return try depths(option, at: level, of: levels, layers)
  }

  /// Transformer depths behind each residual block of one level: a number for all levels, one per
  /// level, or one per residual block.
  private func depths(
    _ option: String, at index: Int, of levels: Int, _ layers: Int
  ) throws -> [Int] {
    guard let value = value(option) else { return Array(repeating: 1, count: layers) }
    let entry = try levelEntry(value, option, at: index, of: levels)
    let list =
      try entry.arrayValue.map { try $0.map { try dimension($0, option) } }
      ?? Array(repeating: try dimension(entry, option), count: layers)
    guard list.count >= layers, list.allSatisfy({ $0 <= 256 }) else {
      throw invalid(option, "\(text(of: entry)) does not give \(layers) depths of at most 256")
    }
    return Array(list.prefix(layers))
  }

  private func levelEntry(
    _ value: JSONValue, _ option: String, at index: Int, of levels: Int
  ) throws -> JSONValue {
    guard let list = value.arrayValue else { return value }
    guard list.count == levels else {
      throw invalid(option, "has \(list.count) entries for \(levels) levels")
    }
    return list[index]
  }

  fileprivate func middle() throws -> UNetMiddle {
    // For this option null is a choice, and does not mean the default.
    if let value = json["mid_block_type"], value.isNull { return .none }
    let name = try string("mid_block_type") ?? "UNetMidBlock2DCrossAttn"
    switch name {
    case "UNetMidBlock2D": return .plain
    case "UNetMidBlock2DCrossAttn":
      let levels = try dimensions("block_out_channels", default: [1, 1, 1, 1]).count
      let option = "transformer_layers_per_block"
      return .crossAttention(depth: try depths(option, at: levels - 1, of: levels, 1)[0])
    default:
      throw unsupported(
        "mid_block_type", "\"\(name)\"", supported: "UNetMidBlock2DCrossAttn, UNetMidBlock2D, null")
    }
  }

  fileprivate func textTime() throws -> TextTimeConfig? {
    guard try string("addition_embed_type") != nil else { return nil }
    guard let timeChannels = try optionalDimension("addition_time_embed_dim") else {
      throw invalid("addition_time_embed_dim", "is needed with addition_embed_type")
    }
    guard let width = try optionalDimension("projection_class_embeddings_input_dim") else {
      throw invalid("projection_class_embeddings_input_dim", "is needed with addition_embed_type")
    }
    return TextTimeConfig(timeChannels: timeChannels, inputWidth: width)
  }

  fileprivate func sampleSize() throws -> [Int]? {
    guard let value = value("sample_size") else { return nil }
    if value.arrayValue == nil {
      let side = try dimension(value, "sample_size")
      return [side, side]
    }
    let sides = try dimensions("sample_size", default: [])
    guard sides.count == 2 else { throw invalid("sample_size", "expected a number or two") }
    return sides
  }

  fileprivate func downsamplePadding() throws -> Int {
    guard let value = value("downsample_padding") else { return 1 }
    guard let padding = value.intValue, 0...1 ~= padding else {
      throw unsupported("downsample_padding", text(of: value), supported: "0, 1")
    }
    return padding
  }

  fileprivate func kernel(_ option: String) throws -> Int {
    let kernel = try dimension(option, default: 3)
    guard kernel % 2 == 1, kernel <= 15 else {
      throw unsupported(option, "\(kernel)", supported: "odd sizes up to 15")
    }
    return kernel
  }
}
