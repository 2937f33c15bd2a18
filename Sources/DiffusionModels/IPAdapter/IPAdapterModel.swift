import ResgraphWeights
import TensorRuntime

/// The result of an image encoder that an IP-Adapter needs.
public enum ImageEncoding: Sendable, Equatable {
  /// The projected embedding, [B, width].
  case embedding(width: Int)
  /// The hidden states one layer before the last, [B, tokens, width], without the final norm.
  case penultimateStates(width: Int)
}

/// An IP-Adapter: a projector from an image encoder's output to tokens, and key and value
/// projections of those tokens for every cross-attention layer of a UNet.
///
/// It reads the released layouts: base and light (`proj`), full-face (`proj.0`…`proj.3`) and plus
/// (`latents`, `layers`).
public struct IPAdapterModel: Sendable {
  /// The result of the image encoder that the adapter needs.
  public let encoding: ImageEncoding
  /// How many tokens are made of an image; nil where the encoder gives the number.
  public let tokenCount: Int?
  private let projector: any ImageProjector
  private let projections: [(key: Linear, value: Linear)]

  /// Builds an adapter for one UNet.
  ///
  /// - Parameters:
  ///   - weights: The adapter's file: `image_proj` and `ip_adapter`, nested or flat.
  ///   - unet: The configuration of the UNet it is used on.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape than the UNet needs,
  ///   or is not used; `ModelError` for adapters of another kind (FaceID).
  public init(_ weights: WeightScope, unet: UNetConfig) throws {
    let header = try IPAdapterHeader(weights.source, unet: unet)
    (encoding, tokenCount) = (header.encoding, header.tokenCount)
    let image = weights["image_proj"]
    let width = unet.crossAttentionWidth
    projector =
      switch header.projector {
      case .embedding: try EmbeddingProjector(image, to: width)
      case .tokens: try TokenProjector(image, to: width)
      case .resampler: try Resampler(image, to: width)
      }
    projections = try unet.crossAttentionLayers.enumerated().map { index, layer in
      // The layers are numbered 1, 3, 5, …, because the even numbers are self-attentions.
      let scope = weights["ip_adapter"][2 * index + 1]
      return (
        try scope.linear("to_k_ip", width, layer.width, bias: false),
        try scope.linear("to_v_ip", width, layer.width, bias: false)
      )
    }
    try weights.verifyAllUsed(except: { _ in false })
  }

  /// Projects the image encoder's result to tokens that the UNet attends to.
  ///
  /// The negative of a base adapter is the projection of zeros; that of the others the projection
  /// of an all-zero picture's hidden states.
  ///
  /// - Parameter encoded: The image encoder's result, of the kind that `encoding` names.
  /// - Returns: [B, tokens, D].
  public func tokens(_ encoded: Tensor) -> Tensor { projector(encoded) }

  /// Makes an image prompt for `UNetConditions`.
  ///
  /// - Parameters:
  ///   - tokens: [B, tokens, D] per image, from `tokens(_:)`, with the batch of the text.
  ///   - scale: The weight of the images.
  ///   - masks: Where each image counts, [1, 1, H, W]; empty for everywhere.
  /// - Returns: The prompt.
  public func prompt(tokens: [Tensor], scale: Float, masks: [Tensor] = []) -> ImagePrompt {
    prompt(
      tokens: tokens, scales: Array(repeating: scale, count: projections.count), masks: masks)
  }

  /// Makes an image prompt with a weight per cross-attention layer.
  ///
  /// - Parameters:
  ///   - tokens: [B, tokens, D] per image.
  ///   - scales: One per layer, in the order of `UNetConfig.crossAttentionLayers`.
  ///   - masks: Where each image counts; empty for everywhere.
  /// - Returns: The prompt.
  public func prompt(tokens: [Tensor], scales: [Float], masks: [Tensor] = []) -> ImagePrompt {
    ImagePrompt(projections: projections, tokens: tokens, scales: scales, masks: masks)
  }
}
