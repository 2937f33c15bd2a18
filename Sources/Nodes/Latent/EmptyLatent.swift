import GraphRuntime
import TensorRuntime

/// Makes the empty latent from which text-to-image starts.
struct EmptyLatent: GroupedPorts {
  static let summary =
    "Makes an empty latent for pictures of a size, which UNetDenoise fills with noise."
  static let resources = ResourceClass.light

  @PortGroup var ports = PictureSizePorts()
  @Param("How many pictures are made together", min: 1, max: 256) var batch = 1
  @Output("Latent [batch, 4, height/8, width/8], zeros") var latent: LatentValue

  init() {}

  mutating func run(_ context: NodeContext) throws {
    latent = LatentValue(content: .zeros(ports.latentShape(batch: batch)))
  }
}
