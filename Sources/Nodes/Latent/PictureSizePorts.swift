import DiffusionModels
import GraphRuntime

/// The size of a picture that latents stand for.
struct PictureSizePorts {
  @Param(
    "Width of the picture in pixels", min: 8, max: 16_384,
    multipleOf: LatentGeometry.stableDiffusion.scale)
  var width: Int
  @Param(
    "Height of the picture in pixels", min: 8, max: 16_384,
    multipleOf: LatentGeometry.stableDiffusion.scale)
  var height: Int

  /// The shape of latents of that size.
  func latentShape(batch: Int) -> [Int] {
    LatentGeometry.stableDiffusion.latentShape(batch: batch, height: height, width: width)
  }
}
