import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// IP-Adapters on a denoiser, against diffusers' pipeline.
@Suite struct IPAdapterNodeTests {
  private let tolerance: Float = 5e-4
  private let model: TinyModel

  init() throws { model = try TinyModel() }

  private func adapted(
    _ file: String, on unet: UNetRecipe? = nil, _ change: (IPAdapterNode) throws -> Void = { _ in }
  ) throws -> UNetRecipe {
    var node = try IPAdapterFixture.node(unet ?? model.unet, file)
    try change(node)
    try node.run(model.context)
    return node.adapted
  }

  private func drawn(
    _ unet: UNetRecipe, batch: Int = 1, guidance: Double = 7.5
  ) throws -> Tensor {
    var denoise = try model.denoise(width: 96, height: 64, seed: 3, batch: batch)
    denoise.unet = unet
    denoise.guidance = guidance
    try denoise.run(model.context)
    return denoise.denoised.tensor
  }

  private func error(_ unet: UNetRecipe, _ golden: String) throws -> Float {
    relativeError(try drawn(unet), try IPAdapterFixture.expected(golden))
  }

  @Test(arguments: [
    ("base", "ip-adapter-base.safetensors"), ("plus", "ip-adapter-plus.bin"),
    ("full", "ip-adapter-full.safetensors"),
  ])
  func everyKindEqualsDiffusers(_ golden: String, _ file: String) throws {
    let unet = try adapted(file) { $0.weight = 0.7 }
    #expect(try error(unet, golden) < tolerance)
    #expect(try error(adapted(file) { $0.weight = 0.6 }, golden) > 10 * tolerance)
    #expect(try error(model.unet, golden) > 10 * tolerance)
    let other = try adapted(file) {
      $0.weight = 0.7
      $0.image = [try IPAdapterFixture.load("tall.png").image]
    }
    #expect(try error(other, golden) > 2 * tolerance, "with another picture")
  }

  @Test func withoutGuidanceThereIsNoNegative() throws {
    let found = try drawn(adapted("ip-adapter-base.safetensors"), guidance: 1)
    let expected = try IPAdapterFixture.expected("unguided")
    #expect(relativeError(found, expected) < tolerance)
  }

  @Test func severalPicturesShareOneAttention() throws {
    let tall = try IPAdapterFixture.load("tall.png").image
    let unet = try adapted("ip-adapter-base.safetensors") { $0.image.append(tall) }
    #expect(try error(unet, "several") < tolerance)
    #expect(try error(adapted("ip-adapter-base.safetensors"), "several") > 2 * tolerance)
  }

  @Test func everyResultOfABatchSeesThePicture() throws {
    let found = try drawn(adapted("ip-adapter-base.safetensors"), batch: 2)
    let expected = try IPAdapterFixture.expected("batch")
    #expect(relativeError(found, expected) < tolerance)
  }

  @Test func everyResultOfABatchMayHaveItsOwnPicture() throws {
    let wide = try IPAdapterFixture.load("wide.png").image.tensor
    let turned = PixelImage.pictures(wide).map { EXIFOrientation(code: 3).apply(to: $0) }
    let other = PixelImage.tensor(turned)
    let unet = try adapted("ip-adapter-base.safetensors") {
      $0.image = [ImageValue(Tensor.concatenate([wide, other], axis: 0))]
    }
    let both = try drawn(unet, batch: 2)
    let first = try IPAdapterFixture.expected("batch").slice(axis: 0, 0..<1)
    #expect(relativeError(both.slice(axis: 0, 0..<1), first) < tolerance)
    let second = try IPAdapterFixture.expected("batch").slice(axis: 0, 1..<2)
    #expect(relativeError(both.slice(axis: 0, 1..<2), second) > 2 * tolerance)
  }

  @Test func masksSayWhereEachPictureCounts() throws {
    let masks = try ["mask-left.png", "mask-right.png"].map { try IPAdapterFixture.load($0).mask }
    let tall = try IPAdapterFixture.load("tall.png").image
    func masked(_ masks: [MaskValue]) throws -> UNetRecipe {
      try adapted("ip-adapter-base.safetensors") {
        $0.image.append(tall)
        $0.mask = masks
      }
    }
    #expect(try error(masked(masks), "masked") < tolerance)
    #expect(try error(masked(masks.reversed()), "masked") > 2 * tolerance)
    #expect(try error(masked([]), "masked") > 2 * tolerance)
  }

  @Test func oneMaskForSeveralPictures() throws {
    let tall = try IPAdapterFixture.load("tall.png").image
    let everywhere = MaskValue(Tensor.full([1, 1, 64, 96], 1))
    let unet = try adapted("ip-adapter-base.safetensors") {
      $0.image.append(tall)
      $0.mask = [everywhere]
    }
    #expect(try error(unet, "several") < tolerance)
  }

  @Test func adaptersStack() throws {
    let first = try adapted("ip-adapter-base.safetensors") { $0.weight = 0.5 }
    let tall = try IPAdapterFixture.load("tall.png").image
    let both = try adapted("ip-adapter-plus.bin", on: first) {
      $0.weight = 0.6
      $0.image = [tall]
    }
    #expect(try error(both, "stacked") < tolerance)
    #expect(try error(first, "stacked") > 10 * tolerance)
  }

  @Test func aWeightOfZeroGivesTheBareModelsBits() throws {
    let unet = try adapted("ip-adapter-base.safetensors") { $0.weight = 0 }
    #expect(unet.imagePrompts.isEmpty)
    #expect(try drawn(unet).floats() == drawn(model.unet).floats())
  }
}

/// What is found before anything is loaded.
@Suite struct IPAdapterValidationTests {
  private func failure(_ change: (IPAdapterNode) throws -> Void) throws -> NodeError? {
    let model = try TinyModel()
    var node = try IPAdapterFixture.node(model.unet, "ip-adapter-base.safetensors")
    try change(node)
    let error = #expect(throws: NodeError.self) { try node.run(model.context) }
    #expect(model.store.loadCount == 0)
    return error
  }

  @Test func anEncoderOfAnotherWidthIsNamed() throws {
    let error = try failure { $0.imageEncoder = IPAdapterFixture.path("image_encoder-other") }
    #expect(error?.port == "image_encoder")
    #expect(error?.expected?.contains("20 numbers") == true)
    #expect(error?.got?.contains("12") == true)
    #expect(error?.got?.contains("image_encoder-other") == true)
    let plus = try failure {
      $0.path = IPAdapterFixture.path("ip-adapter-plus.bin")
      $0.imageEncoder = IPAdapterFixture.path("image_encoder-other")
    }
    #expect(plus?.port == "image_encoder")
  }

  @Test func anAdapterOfAnotherModelIsNamed() throws {
    let error = try failure { $0.path = IPAdapterFixture.path("ip-adapter-foreign.safetensors") }
    #expect(error?.port == "path")
    #expect(error?.message.contains("ip-adapter-foreign.safetensors") == true)
  }

  @Test func aFileOfAnotherKindIsNamed() throws {
    let error = try failure { $0.path = TinyModel.path("lcm-lora") }
    #expect(error?.port == "path")
    #expect(error?.message.contains("is no IP-Adapter") == true)
    let encoder = try failure { $0.imageEncoder = TinyModel.path("model/text_encoder") }
    #expect(encoder?.port == "image_encoder")
  }

  @Test func masksMustBeAsManyAsPictures() throws {
    let mask = MaskValue.predicted([1, 1, 64, 96])
    let error = try failure { $0.mask = [mask, mask] }
    #expect(error?.port == "mask")
  }

  @Test func aMaskOfAnotherSizeIsFoundBeforeTheRun() throws {
    let model = try TinyModel()
    var node = try IPAdapterFixture.node(model.unet, "ip-adapter-base.safetensors")
    node.mask = [MaskValue.predicted([1, 1, 64, 64])]
    try node.run(model.context)
    var denoise = try model.denoise(width: 96, height: 64, seed: 3)
    denoise.unet = node.adapted
    let error = #expect(throws: NodeError.self) {
      try denoise.validate(ValidationContext(nodeID: "node"))
    }
    #expect(error?.port == "unet")
    #expect(error?.message.contains("ip-adapter-base.safetensors") == true)
  }

  @Test func theEncoderBesideTheAdapterIsTheDefault() throws {
    let model = try TinyModel()
    var node = try IPAdapterFixture.node(model.unet, "ip-adapter-base.safetensors")
    node.imageEncoder = nil
    try node.run(model.context)
    #expect(node.adapted.imagePrompts.first?.encoder.files.path.hasSuffix("image_encoder") == true)
  }
}

/// Pictures as CLIP's image encoder takes them, against transformers.
@Suite struct ImagePreprocessorTests {
  @Test(arguments: ["own", "other", "plain"], ["wide", "tall"])
  func pixelsEqualTransformers(_ name: String, _ picture: String) throws {
    let path = IPAdapterFixture.path("preprocessor-\(name)/preprocessor_config.json").resolved
    let preprocessor = try ImagePreprocessor(json: JSONValue.read(path: path), path: path)
    let pixels = preprocessor(try IPAdapterFixture.load("\(picture).png").image.tensor)
    let expected = try IPAdapterFixture.expected("pixels.\(name).\(picture)")
    #expect(relativeError(pixels, expected) < 1e-6)
    if name == "own" { #expect(preprocessor == ImagePreprocessor(side: 32)) }
  }

  @Test(arguments: [
    #"{"size": {"width": 3}}"#, #"{"size": 0}"#, #"{"crop_size": 100000}"#, #"{"resample": 9}"#,
    #"{"image_mean": [1, 2]}"#, #"{"image_std": [0, 1, 1]}"#,
  ])
  func impossibleConfigurationsAreRefused(_ text: String) throws {
    let json = try JSONValue.parse(text)
    #expect(throws: WeightError.self) { try ImagePreprocessor(json: json, path: "config") }
  }
}
