import GraphRuntime
import ResgraphPictures
import TensorRuntime

extension ImageFit: ChoiceParam {}
extension ResamplingMethod: ChoiceParam {}

/// Reads a picture file.
struct ImageLoad: NodeType {
  static let summary = """
    Reads a PNG or JPEG. The mask is 1 where the picture is transparent; of an opaque picture it is \
    the brightness, so that black-and-white mask files work as they are.
    """
  static let resources = ResourceClass.io

  @Param("PNG or JPEG file; it is turned as its EXIF data says") var path: InputPath
  @Param("Width in pixels; left out, it follows from the height or stays", min: 1, max: 16_384)
  var width: Int?
  @Param("Height in pixels; left out, it follows from the width or stays", min: 1, max: 16_384)
  var height: Int?
  @Param("How the picture fits a size of another proportion") var fit = ImageFit.stretch
  @Param("How pixels are mixed when resizing") var method = ResamplingMethod.lanczos
  @Output("Image [1, 3, H, W], float32 in 0...1") var image: ImageValue
  @Output("Mask [1, 1, H, W], float32 in 0...1") var mask: MaskValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let path = $path.known else { return }
    let header = try ImageFile.size(path: path.resolved)
    guard let width = $width.known, let height = $height.known else { return }
    let size = PixelSize(header).scaled(width: width, height: height)
    image = .predicted([1, 3, size.height, size.width])
    mask = .predicted([1, 1, size.height, size.width])
  }

  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? {
    guard let path = $path.known, let size = try? ImageFile.size(path: path.resolved) else {
      return nil
    }
    let output = $image.set?.shape.reduce(4, *) ?? 0
    return MemoryEstimate(workingBytes: size.width * size.height * 8, outputBytes: output / 3 * 4)
  }

  mutating func run(_ context: NodeContext) throws {
    let picture = try ImageFile.read(path: path.resolved)
    let colours = picture.withoutAlpha()
    image = ImageValue(
      colours.fitted(width: width, height: height, fit: fit, method: method).tensor())
    let cover = picture.paintMask()
    mask = MaskValue(cover.fitted(width: width, height: height, fit: fit, method: method).tensor())
  }
}

extension PixelImage {
  /// The mask as grey levels: the transparency, or the brightness of an opaque picture.
  fileprivate func paintMask() -> PixelImage {
    guard channels == 4 else { return luminance() }
    var alpha = channel(3)
    guard alpha.bytes.contains(where: { $0 != 255 }) else { return luminance() }
    for index in alpha.bytes.indices { alpha.bytes[index] = 255 - alpha.bytes[index] }
    return alpha
  }
}
