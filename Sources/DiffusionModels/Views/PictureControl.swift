import TensorRuntime

/// A control that can be made for a part of its picture, for runs that denoise a latent in parts.
public struct PictureControl: Sendable {
  /// The control picture, [1 or B, 3, H, W].
  public let picture: Tensor
  /// Makes the control for a part of the picture, of any size.
  public let make: @Sendable (Tensor) throws -> any DenoiseControl

  /// Describes a control.
  ///
  /// - Parameters:
  ///   - picture: The whole picture.
  ///   - make: Makes the control for a part of it.
  public init(
    picture: Tensor, make: @escaping @Sendable (Tensor) throws -> any DenoiseControl
  ) {
    self.picture = picture
    self.make = make
  }
}
