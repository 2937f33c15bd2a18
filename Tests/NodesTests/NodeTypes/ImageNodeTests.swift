import Foundation
import GraphRuntime
import TensorRuntime
import Testing

@testable import Resgraph
@testable import ResgraphPictures

@Suite struct ImageNodeTests {
  private let context = NodeContext(nodeID: "node")

  private func golden(_ name: String) -> InputPath {
    InputPath(GraphRun.pictures.appending(path: name).path())
  }

  @Test func loadingPredictsTheSizeAndReadsTheNumbers() throws {
    var node = ImageLoad()
    node.path = golden("orientation-6.jpg")
    node.width = 46
    try node.validate(ValidationContext(nodeID: "node"))
    #expect(node.image.shape == [1, 3, 74, 46])
    try node.run(context)
    #expect(node.image.tensor.shape == [1, 3, 74, 46])
    #expect(node.mask.tensor.shape == [1, 1, 74, 46])
  }

  @Test func theMaskIsWhereThePictureIsTransparent() throws {
    var node = ImageLoad()
    node.path = golden("rgba.png")
    try node.run(context)
    let mask = node.mask.tensor.floats()
    #expect(mask.first == 1)
    #expect(mask.last == 0)
  }

  @Test func anOpaquePicturesMaskIsItsBrightness() throws {
    var node = ImageLoad()
    node.path = golden("bilevel.png")
    try node.run(context)
    #expect(node.mask.tensor.floats() == Array(node.image.tensor.floats().prefix(37 * 23)))
  }

  @Test func loadingSomethingElseNamesIt() throws {
    var node = ImageLoad()
    node.path = golden("picture.gif")
    #expect(throws: ImageError.self) { try node.validate(ValidationContext(nodeID: "node")) }
  }

  @Test func resizingNeedsASize() throws {
    var node = ImageResize()
    node.image = .predicted([1, 3, 10, 20])
    #expect(throws: NodeError.self) { try node.validate(ValidationContext(nodeID: "node")) }
    node.width = 10
    try node.validate(ValidationContext(nodeID: "node"))
    #expect(node.resized.shape == [1, 3, 5, 10])
  }

  @Test func aGridWantsOneLabelPerPictureOfABatch() throws {
    var node = ImageGrid()
    let picture = PixelImage(width: 8, height: 8, channels: 3)
    node.images = [
      ImageValue(PixelImage.tensor([picture, picture])), ImageValue(picture.tensor()),
    ]
    node.labels = ["one", "two"]
    #expect(throws: NodeError.self) { try node.validate(ValidationContext(nodeID: "node")) }
    node.labels = []
    try node.run(context)
    // Two by two for three pictures.
    #expect(node.image.shape == [1, 3, 2 * 16 + 8, 2 * 16 + 8])
  }

  @Test func edgesAreWhiteOnBlack() throws {
    var node = Canny()
    var picture = PixelImage(width: 16, height: 16, channels: 3)
    picture.paste(PixelImage(width: 8, height: 16, channels: 3, filledWith: 255), x: 0, y: 0)
    node.image = ImageValue(picture.tensor())
    try node.run(context)
    #expect(Set(node.edges.tensor.floats()) == [0, 1])
  }
}

@Suite struct LatentNodeTests {
  @Test func aBlankLatentTakesNoMemory() throws {
    var node = EmptyLatent()
    node.width = 512
    node.height = 96
    node.batch = 3
    try node.run(NodeContext(nodeID: "node"))
    #expect(node.latent.shape == [3, 4, 12, 64])
    #expect(node.latent.byteCount == 0)
    #expect(node.latent.tensor.floats().allSatisfy { $0 == 0 })
  }

  @Test func skippedNoiseIsTheNoiseDrawnNext() throws {
    var node = Noise()
    node.latent = LatentValue(content: .zeros([1, 4, 8, 8]))
    node.seed = 42
    node.skip = 1
    try node.run(NodeContext(nodeID: "node"))
    var generator = TorchGenerator(seed: 42)
    let first = generator.randn([1, 4, 8, 8]).floats()
    #expect(node.noise.tensor.floats() != first)
    #expect(node.noise.tensor.floats() == generator.randn([1, 4, 8, 8]).floats())
  }

  @Test func tensorValuesSurviveStorage() throws {
    let value = LatentValue(Tensor([1, -2, 3, 0.5], shape: [1, 1, 2, 2]))
    let copy = try LatentValue(encoded: try value.encoded())
    #expect(copy.shape == [1, 1, 2, 2])
    #expect(copy.tensor.floats() == [1, -2, 3, 0.5])
    #expect(throws: (any Error).self) { try LatentValue(encoded: [1, 2, 3]) }
  }

  @Test func theCatalogIsSound() throws {
    let catalog = try NodeCatalog.standard()
    #expect(catalog.names.contains("ImageLoad"))
  }
}
