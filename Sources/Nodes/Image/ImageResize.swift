import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// Resizes pictures as Pillow does.
struct ImageResize: NodeType {
  static let summary = "Resizes pictures to 8-bit pixels equal to those of Pillow."

  @Input("Image [B, 3, H, W]") var image: ImageValue
  @Param("Width in pixels; left out, it follows from the height", min: 1, max: 16_384)
  var width: Int?
  @Param("Height in pixels; left out, it follows from the width", min: 1, max: 16_384)
  var height: Int?
  @Param("How the picture fits a size of another proportion") var fit = ImageFit.stretch
  @Param("How pixels are mixed") var method = ResamplingMethod.lanczos
  @Output("Image [B, 3, height, width]", name: "image") var resized: ImageValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let width = $width.known, let height = $height.known else { return }
    guard width != nil || height != nil else {
      throw NodeError("a size is missing", port: "width", expected: "width, height, or both")
    }
    guard let shape = $image.known?.shape else { return }
    let size = PixelSize(width: shape[3], height: shape[2]).scaled(width: width, height: height)
    resized = .predicted([shape[0], 3, size.height, size.width])
  }

  mutating func run(_ context: NodeContext) throws {
    let pictures = PixelImage.pictures(image.tensor).map {
      $0.fitted(width: width, height: height, fit: fit, method: method)
    }
    resized = ImageValue(PixelImage.tensor(pictures))
  }
}
