import TensorRuntime

/// The image encoder and the adapter that together make image prompts of pictures.
package struct ImagePromptEncoder: Sendable {
  private let encoder: ImageEncoder
  private let model: CLIPVisionModel
  private let encoding: ImageEncoding

  /// Joins an encoder, its model, and what the adapter wants of it.
  package init(_ encoder: ImageEncoder, model: CLIPVisionModel, encoding: ImageEncoding) {
    self.encoder = encoder
    self.model = model
    self.encoding = encoding
  }

  /// The encoding of a picture, and the encoding that stands for no picture.
  package struct Encoding: Sendable {
    /// [1 or B, …].
    let prompt: Tensor
    /// The encoding for no picture, [1, …]; nil where it is not needed.
    let negative: Tensor?
  }

  /// Encodes pictures, each [1 or B, 3, H, W] in 0...1 and of any size; with negatives, also what
  /// stands for no picture.
  package func callAsFunction(_ pictures: [Tensor], withNegatives: Bool) throws -> [Encoding] {
    let pixels = try pictures.map(encoder.pixels)
    guard let first = pixels.first else { return [] }
    let prompts = pixels.map(encode)
    var negative: Tensor?
    if withNegatives {
      // An embedding of zeros stands for no picture, or the encoder's result for a picture of
      // zeros.
      if case .embedding(let width) = encoding {
        negative = Tensor.zeros([1, width])
      } else {
        negative = encode(Tensor.zeros([1] + first.shape.dropFirst()))
      }
    }
    return prompts.map { Encoding(prompt: $0, negative: negative) }
  }

  private func encode(_ pixels: Tensor) -> Tensor {
    let output = model(pixels)
    guard case .embedding = encoding else { return output.penultimateState }
    return output.embedding
  }
}

extension IPAdapterModel {
  /// The image prompt of encoded pictures, for a batch; with negatives, these are its first half.
  ///
  /// There are no masks [1, 1, H, W], one for all pictures, or one for each.
  package func prompt(
    _ encodings: [ImagePromptEncoder.Encoding], masks: [Tensor], weight: Float, batch: Int
  ) -> ImagePrompt {
    var parts = encodings.map { encoded in
      let prompt = tokens(encoded.prompt).repeated(toBatch: batch)
      guard let negative = encoded.negative else { return prompt }
      return Tensor.concatenate(
        [tokens(negative).repeated(toBatch: batch), prompt], axis: 0)
    }
    // With one mask for several pictures, the tokens of all pictures are joined, as without a mask.
    if masks.count == 1 { parts = [Tensor.concatenate(parts, axis: 1)] }
    return prompt(tokens: parts, scale: weight, masks: masks.map(Self.cut))
  }

  /// Rounds a mask to 0 and 1, as diffusers' `IPAdapterMaskProcessor` does.
  private static func cut(_ mask: Tensor) -> Tensor {
    Tensor(mask.floats().map { $0 < 0.5 ? 0 : 1 }, shape: mask.shape)
  }
}
