import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Whole runs on a tiny random Stable Diffusion against diffusers' pipelines, on the fixture of
/// tools/goldens/pipeline_make.py: token ids to final latents.
@Suite struct PipelineGoldenTests {
  /// Measured: below 6e-6, and 3e-5 where clipping amplifies float32's rounding.
  private static let tolerance = Tolerance(maxError: 1e-4, nmse: 1e-8)

  private let golden: GoldenFolder
  private let cases: [String: JSONValue]

  init() throws {
    golden = try GoldenFolder("pipeline")
    cases = try golden.json("cases.json").objectValue ?? [:]
  }

  // MARK: One run

  /// What a test leaves out of a case to see that it matters.
  struct Omission: OptionSet, Sendable {
    let rawValue: Int
    static let norms = Omission(rawValue: 1)
    static let resadapterLoRA = Omission(rawValue: 2)
    static let lora = Omission(rawValue: 4)
    static let lcm = Omission(rawValue: 8)
    static let rescale = Omission(rawValue: 16)
    static let correction = Omission(rawValue: 32)
  }

  private func unet(_ entry: JSONValue, _ omission: Omission) throws -> UNet2DConditionModel {
    var source: any WeightSource = try golden.weights()
    func layer(_ name: String, _ weight: Double?, leftOut: Bool) throws {
      guard let weight, !leftOut else { return }
      let adapter = try LoRAAdapter(
        path: "\(golden.path)/\(name)/pytorch_lora_weights.safetensors")
      source = try LoRASource(base: source, adapter: adapter, scale: Float(weight))
    }
    try layer("lora", entry.double("lora"), leftOut: omission.contains(.lora))
    try layer("lcm", entry.double("lcm"), leftOut: omission.contains(.lcm))
    // The released folder as it is, unless a part of it is to be left out.
    let files = try ResAdapterFiles(path: golden.path + "/resadapter")
    let weight = omission.contains(.resadapterLoRA) ? nil : entry.double("resadapter")
    let hasNorms = entry.bool("norms") == true && !omission.contains(.norms)
    if let weight, hasNorms {
      source = try files.applied(to: source, weight: Float(weight))
    } else if let weight {
      source = try LoRASource(base: source, adapter: try #require(files.lora), scale: Float(weight))
    } else if hasNorms {
      source = try ReplaceSource(base: source, replacements: try #require(files.norms))
    }
    return try UNet2DConditionModel(
      WeightScope(source), config: try UNetConfig(json: try golden.config()))
  }

  private func prompts() throws -> (positive: PromptEncoding, negative: PromptEncoding) {
    let config = try CLIPTextConfig(json: try golden.json("text_config.json"))
    let source = try SafetensorsFile(path: golden.path + "/text.safetensors")
    let model = try CLIPTextModel(WeightScope(source), config: config)
    let ids = try golden("prompt.ids").floats().map { Int($0) }
    let states = try model(ids: [Array(ids.prefix(12)), Array(ids.suffix(12))]).lastHiddenState
    return (
      PromptEncoding(embeddings: states.slice(axis: 0, 0..<1)),
      PromptEncoding(embeddings: states.slice(axis: 0, 1..<2))
    )
  }

  private func denoiser(_ name: String, _ omission: Omission) throws -> Denoiser {
    let entry = try #require(cases[name])
    var options = DenoiseOptions()
    options.steps = try #require(entry.int("steps"))
    options.guidance = try #require(entry.double("guidance"))
    options.guidanceRescale = omission.contains(.rescale) ? 0 : entry.double("rescale") ?? 0
    options.strength = entry.double("strength") ?? 1
    options.seed = UInt64(try #require(entry.int("seed")))
    options.sampler = SamplerOptions(
      kind: try #require(SamplerKind(rawValue: entry.string("kind") ?? "")),
      schedule: try #require(ScheduleKind(rawValue: entry.string("schedule") ?? "")),
      spacing: try #require(SpacingKind(rawValue: entry.string("spacing") ?? "")),
      eta: entry.double("eta") ?? 0)
    return try Denoiser(
      predictor: try unet(entry, omission),
      schedulerConfig: try SchedulerConfig(
        json: entry["config"], correctsOldFiles: !omission.contains(.correction)),
      options: options)
  }

  private func inputs(_ name: String) throws -> DenoiseInputs {
    let entry = try #require(cases[name])
    let size = try #require(entry.ints("size"))
    let shape = [try #require(entry.int("batch")), 4, size[0], size[1]]
    let prompts = try prompts()
    let start: DenoiseStart =
      golden.has("\(name).image") ? .latent(try golden("\(name).image")) : .noise(shape: shape)
    return DenoiseInputs(start: start, positive: prompts.positive, negative: prompts.negative)
  }

  private func latents(_ name: String, without omission: Omission = []) throws -> Tensor {
    try denoiser(name, omission).run(try inputs(name))
  }

  private func names(_ prefix: String) -> [String] {
    cases.keys.filter { $0.hasPrefix(prefix) }.sorted()
  }

  // MARK: Tests

  @Test(arguments: [
    "text.checkpoint", "text.ddim", "text.pndm", "text.euler.", "text.euler_a", "text.heun",
    "text.dpmpp_2m.", "text.dpmpp_2m_sde", "text.unipc", "text.ddpm", "text.lcm",
  ])
  func everySamplerAtEverySize(_ prefix: String) throws {
    let names = names(prefix)
    #expect(names.count == 4)
    for name in names {
      expectClose(
        try latents(name), try golden("\(name).latents"), within: Self.tolerance, name)
    }
  }

  @Test(arguments: ["schedule.", "spacing.", "options.", "image.", "config."])
  func options(_ prefix: String) throws {
    let names = names(prefix)
    #expect(names.count >= 6)
    for name in names {
      expectClose(
        try latents(name), try golden("\(name).latents"), within: Self.tolerance, name)
    }
  }

  @Test(arguments: ["resadapter.", "lora.", "lcm."])
  func adapters(_ prefix: String) throws {
    for name in names(prefix) {
      expectClose(
        try latents(name), try golden("\(name).latents"), within: Self.tolerance, name)
    }
  }

  static let omissions: [(String, Omission)] = [
    ("resadapter.1.0", .norms), ("resadapter.1.0", .resadapterLoRA),
    ("resadapter.1.0", [.norms, .resadapterLoRA]), ("resadapter.0.5", .resadapterLoRA),
    ("resadapter.0.0", .norms), ("resadapter.norms_only", .norms),
    ("resadapter.lora_only", .resadapterLoRA), ("lora.all_layers", .lora),
    ("lora.with_resadapter", .lora), ("lora.with_resadapter", .norms),
    ("lora.with_resadapter", .resadapterLoRA), ("lcm.plain", .lcm), ("lcm.resadapter", .lcm),
    ("lcm.resadapter", .norms), ("lcm.resadapter", .resadapterLoRA),
    ("options.rescale", .rescale), ("options.v_ddim", .rescale),
    ("config.wrong.checkpoint", .correction), ("config.silent.checkpoint", .correction),
  ]

  @Test(arguments: omissions) func omissionsAreNoticed(_ name: String, _ omission: Omission) throws
  {
    expectDiffers(
      try latents(name, without: omission), try golden("\(name).latents"),
      beyond: Self.tolerance, "\(name) without \(omission.rawValue)")
  }

  /// Stopped after any step and continued elsewhere, a run gives the bits of the uninterrupted one.
  @Test(arguments: ["text.dpmpp_2m_sde.odd", "text.heun.odd", "image.unipc.0.75"])
  func resumedRunsAreIdentical(_ name: String) throws {
    let whole = try latents(name).floats()
    struct Stop: Error {}
    for stop in [1, 4, 7] {
      var saved: [UInt8] = []
      #expect(throws: Stop.self) {
        try denoiser(name, []).run(try inputs(name)) { progress in
          if progress.state.completed == stop {
            saved = progress.state.encoded
            throw Stop()
          }
        }
      }
      let state = try DenoiseState(encoded: saved)
      #expect(state.completed == stop)
      var steps = 0
      let rest = try denoiser(name, []).run(try inputs(name), resume: state) { _ in steps += 1 }
      #expect(rest.floats() == whole)
      #expect(steps == (try denoiser(name, []).stepCount(from: inputs(name).start)) - stop)
    }
  }

  /// Inpainting with an ordinary UNet: the picture is put back outside the mask after every step.
  @Test(arguments: [
    "pndm.1.0", "ddim.0.7", "euler.0.6", "euler_a.0.75", "dpmpp_2m.0.5", "unipc.0.8", "lcm.0.5",
  ])
  func inpainting(_ name: String) throws {
    let painted = try GoldenFolder("pipeline_inpaint")
    let entry = try #require(try painted.json("cases.json")[name])
    let image = try painted("image")
    var options = DenoiseOptions()
    options.steps = 10
    options.guidance = 5
    options.seed = 23
    options.strength = try #require(entry.double("strength"))
    options.sampler.kind = try #require(SamplerKind(rawValue: entry.string("kind") ?? ""))
    let denoiser = try Denoiser(
      predictor: try unet(.object([:]), []), schedulerConfig: try SchedulerConfig(json: nil),
      options: options)
    let prompts = try prompts()
    // At full strength nothing of the picture is below the noise.
    var inputs = DenoiseInputs(
      start: options.strength == 1 ? .noise(shape: image.shape) : .latent(image),
      positive: prompts.positive, negative: prompts.negative)
    let expected = try painted("\(name).latents")
    expectDiffers(try denoiser.run(inputs), expected, beyond: Self.tolerance, "no mask")
    inputs.blend = try InpaintBlend(original: image, mask: try painted("mask"))
    expectClose(try denoiser.run(inputs), expected, within: Self.tolerance, name)
  }

  @Test(arguments: [(8.5, 256), (1.5, 7)])
  func guidanceEmbedding(_ scale: Double, _ width: Int) throws {
    expectClose(
      Guidance.embedding(scale: scale, width: width, batch: 2),
      try golden("embedding.\(scale).\(width)"), "width \(width)")
  }
}
