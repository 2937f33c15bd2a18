import ResgraphFiles
import TensorRuntime

/// A checkpoint in one file with the original names, whose tensors are given diffusers' names.
struct SingleFileCheckpoint {
  let family: ModelFamily
  let parts: [Component: CheckpointLayout.Part]
  let schedulerConfig: JSONValue
  let report: LoadReport

  private static let unetPrefix = "model.diffusion_model."
  /// The names of training state and constants, which are no weights of a model.
  private static let ignored = [
    "model_ema.", "betas", "alphas_cumprod", "sqrt_", "log_one_minus", "posterior_", "logvar",
    "first_stage_model.loss.", "conditioner.embedders.0.model.logit_scale", "v_pred", "ztsnr",
    "denoiser.sigmas", "scale_factor", "edm_mean", "edm_std", "lvlb_weights",
  ]

  /// Whether a name may be a model's weight, rather than training state.
  static func isWeight(_ key: String) -> Bool {
    !ignored.contains { key.hasPrefix($0) } && !key.hasSuffix("position_ids")
  }

  init(_ file: any WeightSource) throws(WeightError) {
    try Self.checkIsCheckpoint(file)
    let family = Self.family(file)
    let prediction = Self.prediction(file, family: family)
    var origins: [Component: [String: WeightOrigin]] = [
      .unet: unetOrigins(file, prefix: Self.unetPrefix),
      .vae: autoencoderOrigins(
        file, prefix: WeightScope(file).has("first_stage_model") ? "first_stage_model." : "vae."),
    ]
    Self.addTextEncoders(file, family: family, &origins)
    var parts: [Component: CheckpointLayout.Part] = [:]
    for (component, origins) in origins where Self.isWhole(component, origins) {
      let source = RenamedSource(base: file, origins: origins)
      parts[component] = CheckpointLayout.Part(
        source: source,
        config: Self.config(component, source, family: family, prediction: prediction))
    }
    self.family = family
    self.parts = parts
    schedulerConfig = SynthesizedConfig.scheduler(
      family: family, prediction: prediction, zeroSNR: file.entry("ztsnr") != nil)
    report = Self.report(file, origins)
  }

  /// Whether the file has a part; some files leave out the autoencoder or the text encoder.
  private static func isWhole(
    _ component: Component, _ origins: [String: WeightOrigin]
  ) -> Bool {
    let needed =
      switch component {
      case .unet: ["conv_in.weight", "down_blocks.0.resnets.0.conv1.weight", "conv_out.weight"]
      case .vae: ["decoder.conv_in.weight", "decoder.up_blocks.0.resnets.0.conv1.weight"]
      case .textEncoder, .textEncoder2:
        [
          "text_model.embeddings.token_embedding.weight",
          "text_model.encoder.layers.0.mlp.fc1.weight",
        ]
      }
    return needed.allSatisfy { origins[$0] != nil }
  }

  private static func checkIsCheckpoint(_ file: any WeightSource) throws(WeightError) {
    if file.entry(unetPrefix + "input_blocks.0.0.weight") != nil { return }
    let scope = WeightScope(file)
    let hints: [(String, String)] = [
      ("control_model", "is a ControlNet, not a checkpoint"),
      (unetPrefix + "double_blocks", "is a Flux model, which is not supported"),
      (unetPrefix + "joint_blocks", "is a Stable Diffusion 3 model, which is not supported"),
      ("down_blocks", "is a UNet alone; a checkpoint also has text encoder and autoencoder"),
      ("decoder", "is an autoencoder alone; load it as one"),
    ]
    for (name, meaning) in hints where scope.has(name) {
      throw .invalidLayout(path: file.location, reason: meaning)
    }
    if file.keys.contains(where: { $0.contains("lora") }) {
      throw .invalidLayout(path: file.location, reason: "is a LoRA adapter, not a checkpoint")
    }
    throw .invalidLayout(
      path: file.location,
      reason:
        "is no Stable Diffusion checkpoint: '\(unetPrefix)input_blocks.0.0.weight' is missing "
        + "(it has \(listed(file.keys)))")
  }

  private static func family(_ file: any WeightSource) -> ModelFamily {
    let scope = WeightScope(file)
    if scope.has("conditioner.embedders") || scope.has(unetPrefix + "label_emb") { return .sdxl }
    let key = "middle_block.1.transformer_blocks.0.attn2.to_k.weight"
    let isWide = file.entry(unetPrefix + key)?.shape.last == 1024
    let isLinear = file.entry(unetPrefix + "middle_block.1.proj_in.weight")?.shape.count == 2
    return scope.has("cond_stage_model.model") || isWide || isLinear ? .sd2 : .sd1
  }

  /// The prediction type.
  ///
  /// Of the SD 2.x models only the base model predicts noise; it is recognised by its number of
  /// training steps.
  private static func prediction(_ file: any WeightSource, family: ModelFamily) -> String {
    switch family {
    case .sd1: return "epsilon"
    case .sd2:
      let step = (file as? TorchFile)?.scalars["global_step"]?.intValue ?? storedStep(file)
      return step == 875_000 ? "epsilon" : "v_prediction"
    case .sdxl: return file.entry("v_pred") == nil ? "epsilon" : "v_prediction"
    }
  }

  /// The number of training steps, where a converter kept it as a tensor.
  private static func storedStep(_ file: any WeightSource) -> Int? {
    guard file.entry("global_step")?.count == 1,
      let value = try? file.tensor("global_step").floats().first
    else { return nil }
    return Int(exactly: value)
  }

  private static func addTextEncoders(
    _ file: any WeightSource, family: ModelFamily,
    _ origins: inout [Component: [String: WeightOrigin]]
  ) {
    switch family {
    case .sd1: origins[.textEncoder] = clipOrigins(file, prefix: "cond_stage_model.transformer.")
    case .sd2:
      origins[.textEncoder] = OpenCLIPNames.origins(
        file, prefix: "cond_stage_model.model.", dropsLastLayer: true)
    case .sdxl:
      origins[.textEncoder] = clipOrigins(file, prefix: "conditioner.embedders.0.transformer.")
      let index = WeightScope(file).has("conditioner.embedders.1.model") ? 1 : 0
      origins[.textEncoder2] = OpenCLIPNames.origins(
        file, prefix: "conditioner.embedders.\(index).model.", dropsLastLayer: false)
    }
  }

  /// transformers' own names below a prefix; some files leave the outer member out.
  private static func clipOrigins(
    _ file: any WeightSource, prefix: String
  ) -> [String: WeightOrigin] {
    var origins: [String: WeightOrigin] = [:]
    for key in file.keys where key.hasPrefix(prefix) && !key.hasSuffix("position_ids") {
      let name = String(key.dropFirst(prefix.count))
      origins[name.hasPrefix("text_model.") ? name : "text_model." + name] = WeightOrigin(key: key)
    }
    return origins
  }

  private static func config(
    _ component: Component, _ source: any WeightSource, family: ModelFamily, prediction: String
  ) -> JSONValue {
    switch component {
    case .unet:
      SynthesizedConfig.unet(source, family: family, isVelocity: prediction != "epsilon")
    case .vae: SynthesizedConfig.autoencoder(source, family: family)
    case .textEncoder: SynthesizedConfig.textEncoder(source, isOpenCLIP: family == .sd2)
    case .textEncoder2: SynthesizedConfig.textEncoder(source, isOpenCLIP: true)
    }
  }

  private static func report(
    _ file: any WeightSource, _ origins: [Component: [String: WeightOrigin]]
  ) -> LoadReport {
    let used = Set(origins.values.flatMap { $0.values.map(\.key) })
    let rest = file.keys.filter { key in
      !used.contains(key) && isWeight(key) && !key.hasSuffix("logit_scale")
    }
    return LoadReport(matched: used.sorted(), unused: rest)
  }
}

/// The tensors of a UNet with the original names below a prefix, by diffusers' names.
///
/// - Parameters:
///   - file: The file.
///   - prefix: The prefix of the UNet's names in the file.
///   - others: Names of tensors that are no part of a UNet.
/// - Returns: Where each tensor comes from.
func unetOrigins(
  _ file: any WeightSource, prefix: String, others: (String) -> String? = { _ in nil }
) -> [String: WeightOrigin] {
  let blocks = (1..<64).first { file.entry("\(prefix)input_blocks.\($0).0.op.weight") != nil }
  let layers = (blocks ?? 3) - 1
  var origins: [String: WeightOrigin] = [:]
  for key in file.keys where key.hasPrefix(prefix) {
    let name = String(key.dropFirst(prefix.count))
    guard let renamed = LDMNames.unet(name, layersPerBlock: layers) ?? others(name) else {
      continue
    }
    origins[renamed] = WeightOrigin(key: key)
  }
  return origins
}

/// The tensors of an autoencoder with the original names below a prefix, by diffusers' names.
func autoencoderOrigins(_ file: any WeightSource, prefix: String) -> [String: WeightOrigin] {
  let names = file.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  let levels = names.compactMap { name -> Int? in
    let parts = name.split(separator: ".", maxSplits: 3)
    guard parts.count == 4, parts[0] == "decoder", parts[1] == "up", let level = Int(parts[2]),
      level < LDMNames.maximumIndex
    else { return nil }
    return level
  }
  let upLevels = (levels.max() ?? -1) + 1
  var origins: [String: WeightOrigin] = [:]
  for name in names {
    guard let renamed = LDMNames.autoencoder(name, upLevels: upLevels) else { continue }
    origins[renamed.name] = WeightOrigin(key: prefix + name, transform: renamed.transform)
  }
  return origins
}
