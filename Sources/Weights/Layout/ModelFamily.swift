import ResgraphFiles

/// A family of diffusion models; an adapter fits the models of one family.
///
/// The family follows from features of a configuration and not from its sizes, so that small models
/// of each family are recognised:
/// - `sdxl`: the UNet has `addition_embed_type: text_time`, or the checkpoint has a second text encoder;
/// - `sd2`: the UNet has `use_linear_projection`, or a list of head counts, or attends to 1024 values;
/// - `sd1`: everything else.
public enum ModelFamily: String, Sendable, CaseIterable {
  /// Stable Diffusion 1.x.
  case sd1 = "sd15"
  /// Stable Diffusion 2.x.
  case sd2
  /// Stable Diffusion XL.
  case sdxl

  /// Finds the family by a UNet's configuration.
  ///
  /// - Parameters:
  ///   - unetConfig: The UNet's `config.json`.
  ///   - hasSecondTextEncoder: Whether the checkpoint has `text_encoder_2`.
  public init(unetConfig: JSONValue, hasSecondTextEncoder: Bool = false) {
    if unetConfig.string("addition_embed_type") == "text_time" || hasSecondTextEncoder {
      self = .sdxl
    } else if unetConfig.bool("use_linear_projection") == true
      || unetConfig["attention_head_dim"]?.arrayValue != nil
      || unetConfig.int("cross_attention_dim") == 1024
    {
      self = .sd2
    } else {
      self = .sd1
    }
  }
}

/// A part of a checkpoint; the raw value is its folder.
public enum Component: String, Sendable, CaseIterable {
  /// The denoising network.
  case unet
  /// The first text encoder.
  case textEncoder = "text_encoder"
  /// The second text encoder of SDXL.
  case textEncoder2 = "text_encoder_2"
  /// The autoencoder.
  case vae
}
