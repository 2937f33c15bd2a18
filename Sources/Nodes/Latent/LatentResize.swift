import DiffusionModels
import GraphRuntime
import ResgraphPictures
import TensorRuntime

extension InterpolationMethod: ChoiceParam {}

/// Brings a latent to another size.
struct LatentResize: NodeType {
  static let summary = """
    Brings a latent to another size, so that a second UNetDenoise with a strength below 1 can draw \
    the details of a larger picture. A mask comes along.
    """

  @Input("Latent [B, C, h, w]") var latent: LatentValue
  @Param("Width of the picture in pixels", min: 8, max: 16_384, multipleOf: 8) var width: Int
  @Param("Height of the picture in pixels", min: 8, max: 16_384, multipleOf: 8) var height: Int
  @Param("How values are mixed, as torch's interpolate does") var method =
    InterpolationMethod.nearestExact
  @Output("Latent [B, C, height/8, width/8]", name: "latent") var resized: LatentValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let latent = $latent.known else { return }
    resized =
      latent.content.isZeros
      ? LatentValue(content: .zeros(shape(latent))) : .predicted(shape(latent))
  }

  mutating func run(_ context: NodeContext) throws {
    if latent.content.isZeros {
      resized = LatentValue(content: .zeros(shape(latent)))
    } else {
      resized = LatentValue(sized(latent.tensor, method))
    }
    // Where to paint is yes or no, and stays so.
    resized.paintMask = latent.paintMask.map { sized($0, .nearestExact) }
    resized.maskedPicture = latent.maskedPicture.map {
      .numbers(sized($0.tensor, method))
    }
  }

  private func shape(_ latent: LatentValue) -> [Int] {
    Array(latent.shape[..<2]) + [height / 8, width / 8]
  }

  private func sized(_ tensor: Tensor, _ method: InterpolationMethod) -> Tensor {
    interpolated(tensor, height: height / 8, width: width / 8, method: method)
  }
}
