import DiffusionModels
import GraphRuntime
import ResgraphPictures
import TensorRuntime

extension InterpolationMethod: ChoiceParam {}

/// Brings a latent to another size.
struct LatentResize: GroupedPorts {
  static let summary = """
    Resizes a latent, so that a second UNetDenoise with a strength below 1 can draw the details of \
    a larger picture. A mask is resized too.
    """

  @Input("Latent [B, C, h, w]") var latent: LatentValue
  @PortGroup var ports = PictureSizePorts()
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
    // A mask is 0 or 1, so it is resized without mixing values.
    resized.paintMask = latent.paintMask.map { sized($0, .nearestExact) }
    resized.maskedPicture = latent.maskedPicture.map {
      .numbers(sized($0.tensor, method))
    }
  }

  private func shape(_ latent: LatentValue) -> [Int] {
    Array(latent.shape[..<2]) + ports.latentShape(batch: 1).suffix(2)
  }

  private func sized(_ tensor: Tensor, _ method: InterpolationMethod) -> Tensor {
    let shape = ports.latentShape(batch: 1)
    return interpolated(tensor, height: shape[2], width: shape[3], method: method)
  }
}
