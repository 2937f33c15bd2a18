import GraphRuntime
import TensorRuntime

/// Makes the blank that text-to-image starts from.
struct EmptyLatent: NodeType {
  static let summary = "A blank latent for pictures of a size; all of it is noise at first."
  static let resources = ResourceClass.light

  @Param("Width of the picture in pixels", min: 8, max: 16_384, multipleOf: 8) var width: Int
  @Param("Height of the picture in pixels", min: 8, max: 16_384, multipleOf: 8) var height: Int
  @Param("How many pictures are made together", min: 1, max: 256) var batch = 1
  @Output("Latent [batch, 4, height/8, width/8], zeros") var latent: LatentValue

  init() {}

  mutating func run(_ context: NodeContext) throws {
    latent = LatentValue(content: .zeros([batch, 4, height / 8, width / 8]))
  }
}
