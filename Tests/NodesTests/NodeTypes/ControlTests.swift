import GraphRuntime
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// ControlNets and T2I-Adapters on a denoiser, against diffusers' pipelines.
@Suite struct ControlTests {
  private let tolerance: Float = 5e-4
  private let model: TinyModel
  private let picture: ImageValue

  init() throws {
    model = try TinyModel()
    var load = ImageLoad()
    load.path = TinyModel.path("photo.png")
    (load.width, load.height) = (96, 64)
    try load.run(model.context)
    picture = load.image
  }

  private func controlNet(_ change: (ControlNet) -> Void = { _ in }) throws -> ControlValue {
    var node = ControlNet()
    node.path = TinyModel.path("controlnet")
    node.image = picture
    change(node)
    try node.run(model.context)
    return node.control
  }

  private func error(_ controls: [ControlValue], _ golden: String) throws -> Float {
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    denoise.control = controls
    try denoise.run(model.context)
    return relativeError(denoise.denoised.tensor, try TinyModel.expected(golden))
  }

  @Test func aControlNetWithAWindowEqualsDiffusers() throws {
    let control = try controlNet {
      $0.weight = 0.8
      $0.end = 0.6
    }
    #expect(try error([control], "control") < tolerance)
    #expect(try error([controlNet { $0.weight = 0.8 }], "control") > 10 * tolerance)
    #expect(try error([], "control") > 10 * tolerance)
  }

  @Test func guessModeEqualsDiffusers() throws {
    #expect(try error([controlNet { $0.guess = true }], "guess") < tolerance)
    #expect(try error([controlNet()], "guess") > 10 * tolerance)
  }

  @Test func twoControlNetsAddUp() throws {
    let turned = PixelImage.pictures(picture.tensor).map(\.upsideDown)
    let first = try controlNet { $0.weight = 0.5 }
    let second = try controlNet {
      $0.weight = 0.7
      $0.start = 0.4
      $0.image = ImageValue(PixelImage.tensor(turned))
    }
    #expect(try error([first, second], "two_controls") < tolerance)
    #expect(try error([first], "two_controls") > 10 * tolerance)
  }

  private func t2iAdapter(
    _ path: InputPath = TinyModel.path("t2i-adapter"), weight: Double = 0.9
  ) throws -> ControlValue {
    var node = T2IAdapterNode()
    node.path = path
    node.image = picture
    node.weight = weight
    try node.run(model.context)
    return node.control
  }

  @Test func aT2IAdapterEqualsDiffusers() throws {
    #expect(try error([t2iAdapter()], "adapter") < tolerance)
    #expect(try error([], "adapter") > 10 * tolerance)
  }

  /// A second one of fewer levels leaves the first one's other features as they are.
  @Test func t2iAdaptersAddUpWhateverTheirLevels() throws {
    let halves = try [0.45, 0.45].map { try t2iAdapter(weight: $0) }
    #expect(try error(halves, "adapter") < tolerance)
    let none = try t2iAdapter(TinyModel.path("../t2i-one-level"), weight: 0)
    for both in [[try t2iAdapter(), none], [none, try t2iAdapter()]] {
      #expect(try error(both, "adapter") < tolerance)
    }
  }

  @Test func aT2IAdapterWithoutPlacesIsFoundBeforeTheRun() throws {
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    denoise.control = [try t2iAdapter(TinyModel.path("../sdxl-adapters/t2i-adapter"))]
    let loads = model.store.loadCount
    let error = #expect(throws: NodeError.self) {
      try denoise.validate(ValidationContext(nodeID: "node"))
    }
    let text = "\(try #require(error))"
    #expect(error?.port == "control" && text.contains("sdxl-adapters/t2i-adapter"))
    #expect(text.contains("32 at 1/16, 64 at 1/16, 64 at 1/32, 64 at 1/32 channels"))
    #expect(text.contains("16 at 1/8, 32 at 1/16, 32 at 1/16 channels"))
    #expect(model.store.loadCount == loads)
  }

  @Test func aPictureOfAnotherSizeIsFoundBeforeTheRun() throws {
    var denoise = try model.denoise(width: 64, height: 64, seed: 3)
    denoise.control = [try controlNet()]
    #expect(throws: NodeError.self) { try denoise.validate(ValidationContext(nodeID: "node")) }
  }

  @Test func aWindowMustNotEndBeforeItStarts() {
    #expect(throws: NodeError.self) {
      try controlNet {
        $0.start = 0.9
        $0.end = 0.1
      }
    }
  }
}

extension PixelImage {
  /// The picture turned by half a circle.
  var upsideDown: PixelImage { EXIFOrientation(code: 3).apply(to: self) }
}
