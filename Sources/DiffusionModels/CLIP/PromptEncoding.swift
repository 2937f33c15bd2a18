import TensorRuntime

/// An encoded prompt, as a denoiser is conditioned on it.
public struct PromptEncoding: Sendable {
  /// Text tokens, [B, L, D].
  public var embeddings: Tensor
  /// Pooled text, [B, P]; needed by SDXL.
  public var pooled: Tensor?
  /// Original size, crop and target size, each height then width: [B, 6]; needed by SDXL.
  public var timeIDs: Tensor?

  /// Makes a condition from an encoder's results.
  ///
  /// - Parameters:
  ///   - embeddings: Text tokens, [B, L, D].
  ///   - pooled: Pooled text, [B, P].
  ///   - timeIDs: Size conditions, [B, 6].
  public init(embeddings: Tensor, pooled: Tensor? = nil, timeIDs: Tensor? = nil) {
    self.embeddings = embeddings
    self.pooled = pooled
    self.timeIDs = timeIDs
  }

  /// Every tensor changed in the same way.
  func map(_ change: (Tensor) -> Tensor) -> PromptEncoding {
    PromptEncoding(
      embeddings: change(embeddings), pooled: pooled.map(change), timeIDs: timeIDs.map(change))
  }
}

extension PromptEncoding {
  /// The encoding with SDXL's size conditions, for a picture that is drawn at its size and not
  /// cropped.
  ///
  /// - Parameters:
  ///   - width: In pixels.
  ///   - height: In pixels.
  /// - Returns: An encoding of one sample's sizes.
  package func ofPicture(width: Int, height: Int) -> PromptEncoding {
    let size = [Float(height), Float(width)]
    return PromptEncoding(
      embeddings: embeddings, pooled: pooled, timeIDs: Tensor(size + [0, 0] + size, shape: [1, 6]))
  }
}
