import GraphRuntime
import TensorRuntime

/// Makes the blank that text-to-image starts from.
struct EmptyLatent: GroupedPorts {
  static let summary = "A blank latent for pictures of a size; all of it is noise at first."
  static let resources = ResourceClass.light

  @PortGroup var ports = PictureSizePorts()
  @Param("How many pictures are made together", min: 1, max: 256) var batch = 1
  @Output("Latent [batch, 4, height/8, width/8], zeros") var latent: LatentValue

  init() {}

  mutating func run(_ context: NodeContext) throws {
    latent = LatentValue(content: .zeros(ports.latentShape(batch: batch)))
  }
}
