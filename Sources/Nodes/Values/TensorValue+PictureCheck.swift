import GraphRuntime
import ResgraphPictures

extension TensorValue {
  /// Checks that pictures [B, C, H, W] have one of some sizes, and that there is one of them, or
  /// one for each latent.
  func checkPictures(
    _ sizes: [PixelSize], batch: Int, port: String, messages: (size: String, count: String),
    hint: String? = nil
  ) throws {
    guard sizes.contains(PixelSize(width: shape[3], height: shape[2])) else {
      throw NodeError(
        messages.size, port: port,
        expected: sizes.map { "\($0.width)x\($0.height)" }.joined(separator: " or "),
        got: "\(shape[3])x\(shape[2])", hint: hint)
    }
    guard shape[0] == 1 || shape[0] == batch else {
      throw NodeError(
        messages.count, port: port, expected: batch == 1 ? "1" : "1 or \(batch)",
        got: "\(shape[0])")
    }
  }
}
