import ResgraphWeights
import TensorRuntime

/// A 3x3 convolution of stride 2, `conv` in the checkpoint.
struct Downsample2D: Sendable {
  private let conv: Conv2D

  /// Loads the convolution.
  ///
  /// - Parameters:
  ///   - weights: The scope of the downsampler.
  ///   - channels: In and out.
  ///   - padding: 1 pads every side; 0 pads the right and the bottom only, as autoencoders do.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(_ weights: WeightScope, channels: Int, padding: Int) throws {
    let sides: Padding =
      padding == 0 ? Padding(top: 0, left: 0, bottom: 1, right: 1) : .same(padding)
    conv = try weights.convolution("conv", channels, channels, stride: 2, padding: sides)
  }

  /// Reduces [B, C, H, W] to about half the height and width.
  func callAsFunction(_ x: Tensor) -> Tensor { conv(x) }
}

extension Downsample2D: ModuleNode {
  var summary: String { "Downsample2D" }
  var children: [ModuleChild] { [("conv", conv)] }
}

/// Nearest-neighbour enlargement followed by a 3x3 convolution, `conv` in the checkpoint.
struct Upsample2D: Sendable {
  private let conv: Conv2D

  init(_ weights: WeightScope, channels: Int, largeTileMap: Int = Conv2D.largeMap) throws {
    conv = try weights.convolution("conv", channels, channels, largeTileMap: largeTileMap)
  }

  /// Enlarges to a given size, or to twice the size.
  ///
  /// A UNet gives the size of its next skip connection, because twice the size is one too many
  /// where the downsampler halved an odd side.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W].
  ///   - size: Height and width to reach.
  /// - Returns: [B, C, height, width].
  func callAsFunction(_ x: Tensor, to size: (height: Int, width: Int)? = nil) -> Tensor {
    conv(x, upsampledTo: size ?? (2 * x.shape[2], 2 * x.shape[3]))
  }
}

extension Upsample2D: ModuleNode {
  var summary: String { "Upsample2D" }
  var children: [ModuleChild] { [("conv", conv)] }
}
