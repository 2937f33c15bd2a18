/// A key of a LoRA file in its parts: model, module, and the role of the tensor in the module.
///
/// The module path has underscores for dots, whatever the dialect. It is compared with the paths of
/// a model in the same form, so that nothing has to guess which underscores were dots.
struct LoRAKey: Equatable {
  /// The role of a tensor in its module.
  enum Role: Equatable {
    case down
    case up
    case alpha
    /// A part of an adapter of another kind; the text names the kind.
    case foreign(String)
  }

  /// How a file spells its keys.
  enum Dialect: String, Sendable {
    /// `lora_unet_…lora_down.weight`
    case kohya
    /// `unet.….lora_A.weight`
    case peft
    /// `unet.….lora.down.weight`
    case diffusers
    /// `unet.….processor.to_q_lora.down.weight`
    case diffusersOld = "diffusers-old"
  }

  let component: Component
  /// The module path with underscores for dots.
  let module: String
  let role: Role
  let dialect: Dialect

  /// Splits a key into its parts; nil for keys that are no part of an adapter.
  init?(_ key: String) {
    guard let (body, role, dialect) = Self.suffix(key), let (component, path) = Self.prefix(body)
    else { return nil }
    self.component = component
    self.role = role
    self.dialect = key.hasPrefix("lora_") ? .kohya : dialect
    module = Self.today(path, component).replacing(".", with: "_")
  }

  private static let suffixes: [(String, Role, Dialect)] = [
    (".lora_down.weight", .down, .kohya), (".lora_up.weight", .up, .kohya),
    (".lora_A.weight", .down, .peft), (".lora_B.weight", .up, .peft),
    (".lora_A.default.weight", .down, .peft), (".lora_B.default.weight", .up, .peft),
    (".lora_linear_layer.down.weight", .down, .diffusers),
    (".lora_linear_layer.up.weight", .up, .diffusers),
    (".lora.down.weight", .down, .diffusers), (".lora.up.weight", .up, .diffusers),
    ("_lora.down.weight", .down, .diffusersOld), ("_lora.up.weight", .up, .diffusersOld),
    (".lora_linear_layer.alpha", .alpha, .diffusers), (".lora.alpha", .alpha, .diffusers),
    ("_lora.alpha", .alpha, .diffusersOld), (".alpha", .alpha, .kohya),
  ]

  /// The endings of keys of other kinds of adapters.
  ///
  /// They are recognised so that the error can name the kind.
  private static let foreignSuffixes: [(String, String)] = [
    (".dora_scale", "DoRA"), (".lora_magnitude_vector", "DoRA"),
    (".lora_magnitude_vector.weight", "DoRA"), (".lora_magnitude_vector.default.weight", "DoRA"),
    (".lora_mid.weight", "LoCon with a middle matrix"), (".lora_B.bias", "LoRA with bias"),
    (".hada_w1_a", "LoHa"), (".hada_w1_b", "LoHa"), (".hada_w2_a", "LoHa"), (".hada_w2_b", "LoHa"),
    (".hada_t1", "LoHa"), (".hada_t2", "LoHa"), (".lokr_w1", "LoKr"), (".lokr_w2", "LoKr"),
    (".lokr_w1_a", "LoKr"), (".lokr_w1_b", "LoKr"), (".lokr_w2_a", "LoKr"), (".lokr_w2_b", "LoKr"),
    (".lokr_t2", "LoKr"), (".oft_blocks", "OFT"), (".oft_diag", "OFT"), (".on_input", "IA3"),
    (".w_norm", "LyCORIS norms"), (".b_norm", "LyCORIS norms"), (".diff", "full differences"),
    (".diff_b", "full differences"),
  ]

  private static func suffix(_ key: String) -> (String, Role, Dialect)? {
    for (suffix, role, dialect) in suffixes where key.hasSuffix(suffix) {
      return (String(key.dropLast(suffix.count)), role, dialect)
    }
    for (suffix, kind) in foreignSuffixes where key.hasSuffix(suffix) {
      return (String(key.dropLast(suffix.count)), .foreign(kind), .kohya)
    }
    return nil
  }

  private static let prefixes: [(String, Component)] = [
    ("lora_unet_", .unet), ("lora_te1_", .textEncoder), ("lora_te2_", .textEncoder2),
    ("lora_te_", .textEncoder), ("base_model.model.unet.", .unet),
    ("base_model.model.text_model.", .textEncoder), ("base_model.model.", .unet),
    ("unet.", .unet), ("text_encoder_2.", .textEncoder2), ("text_encoder.", .textEncoder),
    ("model.diffusion_model.", .unet), ("diffusion_model.", .unet),
  ]

  /// The outermost members of a UNet and of a text encoder, by which keys without a prefix are
  /// recognised.
  private static let bareMembers: [(String, Component)] = [
    ("down_blocks.", .unet), ("mid_block.", .unet), ("up_blocks.", .unet), ("conv_in", .unet),
    ("conv_out", .unet), ("time_embedding.", .unet), ("add_embedding.", .unet),
    ("text_model.", .textEncoder),
  ]

  private static func prefix(_ body: String) -> (Component, String)? {
    for (prefix, component) in prefixes where body.hasPrefix(prefix) {
      let path = String(body.dropFirst(prefix.count))
      return (component, prefix.hasSuffix("text_model.") ? "text_model." + path : path)
    }
    for (prefix, component) in bareMembers where body.hasPrefix(prefix) { return (component, body) }
    return nil
  }

  /// Replaces the module names of the first LoRA files by today's.
  private static func today(_ path: String, _ component: Component) -> String {
    var path = path.replacing(".processor", with: "")
    let textNames = ["to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"]
    if component != .unet {
      for (old, new) in textNames where path.hasSuffix("." + old) {
        path = path.dropLast(old.count) + new
      }
    } else if path.hasSuffix(".to_out") {
      path += ".0"
    }
    return path
  }
}
