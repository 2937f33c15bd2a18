import DiffusionModels
import GraphRuntime
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph
@testable import ResgraphPictures

/// Adapters on SDXL, loaded by their nodes, against diffusers' pipelines: the fixture of
/// tools/goldens/sdxl_adapters_make.py.
@Suite struct SDXLAdapterTests {
  private let model: TinyFamily
  private let adapters: TinyFamily
  private let tolerance = TinyFamily.tolerance

  init() throws {
    model = try TinyFamily("sdxl")
    adapters = try TinyFamily("sdxl-adapters", checkpoint: model.folder + "/model")
  }

  private func expected(_ name: String) throws -> Tensor { try adapters.expected(name) }

  // MARK: LoRA

  private func lora(_ name: String, weight: Double = 0.8) throws -> LoRALoad {
    var load = LoRALoad()
    load.unet = model.unet
    load.textEncoder = nil
    load.path = adapters.path(name)
    load.weight = weight
    try load.run(model.context)
    return load
  }

  /// kohya's spelling with the original block names, and PEFT's; both with both text encoders' parts.
  @Test(arguments: ["kohya", "peft"])
  func lorasReachTheDenoiserAndBothEncoders(_ dialect: String) throws {
    let load = try lora("lora-\(dialect).safetensors")
    let expected = try expected("lora_\(dialect)")
    let node = try model.denoise(with: load.adaptedEncoder)
    node.unet = load.adapted
    expectClose(try model.latents(node), expected, within: tolerance)

    let bare = try model.denoise()
    let onlyUNet = try model.latents(bare) { $0.unet = load.adapted }
    expectDiffers(onlyUNet, expected, beyond: tolerance, "text encoders without it")
    let onlyText = try model.latents(node) { $0.unet = model.unet }
    expectDiffers(onlyText, expected, beyond: tolerance, "denoiser without it")
    for component in [Component.textEncoder, .textEncoder2] {
      let partial = try withoutLoRA(component, load.adaptedEncoder, node)
      expectDiffers(partial, expected, beyond: tolerance, "\(component) without it")
    }
  }

  /// The run with one encoder's states as the bare checkpoint has them.
  private func withoutLoRA(
    _ component: Component, _ encoder: TextEncoderRecipe, _ node: UNetDenoise
  ) throws -> Tensor {
    let plain = try model.encode(TinyFamily.prompt, second: TinyFamily.second).prompt
    let adapted = node.positive.prompt
    let (first, last) = component == .textEncoder ? (plain, adapted) : (adapted, plain)
    let states = [
      first.embeddings.slice(axis: 2, 0..<64), last.embeddings.slice(axis: 2, 64..<192),
    ]
    var positive = node.positive
    positive.prompt.embeddings = Tensor.concatenate(states, axis: 2)
    positive.prompt.pooled = last.pooled
    let whole = node.positive
    defer { node.positive = whole }
    return try model.latents(node) { $0.positive = positive }
  }

  @Test func aLoRATakenOffLeavesTheBareModelsBits() throws {
    let before = try model.latents(try model.denoise()).floats()
    let load = try lora("lora-kohya.safetensors", weight: 0)
    #expect(load.adapted.identity == model.unet.identity)
    #expect(load.adaptedEncoder.identity == model.textEncoder.identity)
    _ = try model.latents(try model.denoise()) {
      $0.unet = try lora("lora-kohya.safetensors").adapted
    }
    #expect(try model.latents(try model.denoise()).floats() == before)
  }

  // MARK: ResAdapter and LCM-LoRA

  private func wide() throws -> UNetRecipe {
    var load = ResAdapterLoad()
    load.unet = model.unet
    load.path = adapters.path("resadapter_v2_sdxl")
    load.weight = 0.7
    try load.run(model.context)
    return load.adapted
  }

  @Test func aResAdapterAndEachOfItsFilesCount() throws {
    let unet = try wide()
    let node = try model.denoise()
    let expected = try expected("resadapter")
    expectClose(try model.latents(node) { $0.unet = unet }, expected, within: tolerance)
    for (index, label) in [(0, "its LoRA"), (1, "its norms")] {
      let partial = try unet.without(overlay: index)
      let found = try model.latents(node) { $0.unet = partial }
      expectDiffers(found, expected, beyond: tolerance, "without \(label)")
    }
  }

  @Test func anLCMLoRAOnAResAdapterEqualsDiffusers() throws {
    var load = LCMLoRA()
    load.unet = try wide()
    load.path = adapters.path("lcm-lora")
    try load.run(model.context)
    let node = try model.denoise()
    node.sampler = .lcm
    (node.guidance, node.steps) = (1, 4)
    let expected = try expected("lcm")
    expectClose(try model.latents(node) { $0.unet = load.adapted }, expected, within: tolerance)
    let slow = try model.latents(node) { $0.unet = load.unet }
    expectDiffers(slow, expected, beyond: tolerance, "without the LCM-LoRA")
  }

  // MARK: Pictures

  private func controlNet(_ change: (ControlNet) -> Void = { _ in }) throws -> ControlValue {
    var node = ControlNet()
    node.path = adapters.path("controlnet")
    node.image = try model.photo()
    change(node)
    try node.run(model.context)
    return node.control
  }

  private func controlled(_ controls: [ControlValue]) throws -> Tensor {
    try model.latents(try model.denoise()) { $0.control = controls }
  }

  @Test func aControlNetSeesThePooledTextAndTheSizes() throws {
    let control = try controlNet {
      $0.weight = 0.8
      $0.end = 0.6
    }
    let expected = try expected("control")
    expectClose(try controlled([control]), expected, within: tolerance)
    expectDiffers(try controlled([]), expected, beyond: tolerance)

    let guessing = try controlNet { $0.guess = true }
    expectClose(try controlled([guessing]), try self.expected("guess"), within: tolerance)
    expectDiffers(
      try controlled([controlNet()]), try self.expected("guess"), beyond: tolerance)
  }

  @Test func twoControlNetsAddUp() throws {
    let first = try controlNet { $0.weight = 0.5 }
    let turned = PixelImage.pictures(try model.photo().tensor).map(\.upsideDown)
    let second = try controlNet {
      $0.weight = 0.7
      $0.start = 0.4
      $0.image = ImageValue(PixelImage.tensor(turned))
    }
    let expected = try expected("two_controls")
    expectClose(try controlled([first, second]), expected, within: tolerance)
    expectDiffers(try controlled([second]), expected, beyond: tolerance)
  }

  @Test func aT2IAdapterEqualsDiffusers() throws {
    var node = T2IAdapter()
    node.path = adapters.path("t2i-adapter")
    node.image = try model.photo()
    node.weight = 0.9
    try node.run(model.context)
    let expected = try expected("adapter")
    expectClose(try controlled([node.control]), expected, within: tolerance)
    expectDiffers(try controlled([]), expected, beyond: tolerance)
  }

  @Test func anImagePromptEqualsDiffusers() throws {
    var node = try IPAdapterFixture.node(model.unet, "ip-adapter-base.safetensors")
    node.path = adapters.path("ip-adapter-base.safetensors")
    node.weight = 0.7
    try node.run(model.context)
    let denoise = try model.denoise()
    let expected = try expected("ip")
    expectClose(
      try model.latents(denoise) { $0.unet = node.adapted }, expected, within: tolerance)
    expectDiffers(
      try model.latents(denoise) { $0.unet = model.unet }, expected, beyond: tolerance)
  }

  /// Half precision counts as it is stored, what a LoRA changes as float32.
  @Test func memoryIsCountedAsModelsHoldIt() throws {
    let bare = try model.unet.source()
    let stored = bare.keys.reduce(0) { $0 + 2 * (bare.entry($1)?.count ?? 0) }
    let merged = try lora("lora-kohya.safetensors").adapted.source().packedByteCount
    if RuntimeInfo.isa == .reference {
      #expect(bare.packedByteCount == 2 * stored && merged == 2 * stored)
    } else {
      #expect(bare.packedByteCount == stored)
      #expect(merged > stored && merged < 2 * stored)
    }
  }

  // MARK: What does not fit

  /// Adapters of Stable Diffusion 1.5 are found by header, before anything is loaded.
  @Test func adaptersOfAnotherFamilyAreRefused() throws {
    #expect(throws: WeightError.self) {
      var load = ResAdapterLoad()
      load.unet = model.unet
      load.path = TinyModel.path("resadapter_v2_sd1.5")
      try load.run(model.context)
    }
    let control = try controlNet { $0.path = TinyModel.path("controlnet") }
    #expect(control.family == "sd15" && model.unet.family == "sdxl")
    let run = try ControlledRun(unet: model.unet, latentShape: [1, 4, 8, 12], isGuided: true)
    #expect(throws: NodeError.self) { try control.recipe.check(run) }
    #expect(model.store.loadCount == 0)
  }
}
