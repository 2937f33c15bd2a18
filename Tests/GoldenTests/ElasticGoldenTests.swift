import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// ElasticDiffusion against its authors' own code, run on tiny random models by tools/goldens/elastic_make.py.
@Suite struct ElasticGoldenTests {
  /// The bound asked for; measured: below 1e-5.
  private static let tolerance = Tolerance(maxError: 1e-3, nmse: 1e-7)

  /// A tiny model of one family with its cases.
  private struct Fixture {
    let golden: GoldenFolder
    let cases: [String: JSONValue]
    private let unet: UNet2DConditionModel
    private let autoencoder: AutoencoderKL
    private let isXL: Bool

    init(_ kind: String) throws {
      golden = try GoldenFolder("elastic_\(kind)")
      cases = try golden.json("cases.json").objectValue ?? [:]
      let weights = try WeightScope(golden.weights())
      unet = try UNet2DConditionModel(
        weights["unet"], config: UNetConfig(json: golden.json("unet.json")))
      autoencoder = try AutoencoderKL(
        weights["vae"], config: VAEConfig(json: golden.json("vae.json")))
      isXL = kind == "sdxl"
    }

    func options(_ name: String) throws -> ElasticOptions {
      let entry = try #require(cases[name])
      var options = ElasticOptions(nativeSide: isXL ? 128 : 64)
      options.steps = try #require(entry.int("steps"))
      options.guidance = try #require(entry.double("guidance"))
      options.resamplingSteps = try #require(entry.int("resampling"))
      options.newShare = try #require(entry.double("new_p"))
      options.reducedGuidance = try #require(entry.double("rrg_scale"))
      options.reducedGuidanceStop = try #require(entry.double("rrg_stop"))
      options.cosineScale = try #require(entry.double("cosine_scale"))
      if let name = entry.string("schedule") {
        options.pullSchedule = try #require(PullSchedule(rawValue: name))
      }
      options.window = entry.int("patch")
      options.viewBatch = entry.int("view_batch") ?? 1
      options.seed = UInt64(try #require(entry.int("seed")))
      return options
    }

    func inputs(_ name: String) throws -> ElasticInputs {
      let entry = try #require(cases[name])
      let (width, height) = (
        try #require(entry.int("width")), try #require(entry.int("height"))
      )
      func prompt(_ side: String) throws -> PromptCondition {
        var prompt = PromptCondition(embeddings: try golden(side))
        guard isXL else { return prompt }
        prompt.pooled = try golden("\(side).pooled")
        let size = [Float(4 * height), Float(4 * width)]
        prompt.timeIDs = Tensor(size + [0, 0] + size, shape: [1, 6])
        return prompt
      }
      var inputs = ElasticInputs(
        start: .noise(shape: [1, 4, height / 8, width / 8]), positive: try prompt("positive"),
        negative: try prompt("negative"))
      guard let scale = entry.double("control") else { return inputs }
      let net = try ControlNetModel(
        WeightScope(golden.weights())["controlnet"],
        config: ControlNetConfig(json: golden.json("controlnet.json")))
      let small = try golden("control.picture")
      let picture = upsampleNearest(
        small, height: 8 * small.shape[2], width: 8 * small.shape[3])
      inputs.controls = [
        PictureControl(picture: picture) { part in
          PlainControl(model: net, hint: net.hint(part), scale: Float(scale))
        }
      ]
      return inputs
    }

    func latents(
      _ name: String, resume: ElasticState? = nil,
      changing change: (inout ElasticOptions, inout ElasticInputs) -> Void = { _, _ in },
      progress: (ElasticProgress) throws -> Void = { _ in }
    ) throws -> Tensor {
      var (options, inputs) = (try options(name), try inputs(name))
      change(&options, &inputs)
      let denoiser = try ElasticDenoiser(
        predictor: unet, schedulerConfig: try SchedulerConfig(json: nil), options: options)
      return try denoiser.run(
        inputs, autoencoder: .kl(autoencoder), resume: resume, progress: progress)
    }

    /// The latents that the golden keeps: all, or every third.
    func kept(_ latents: Tensor) -> Tensor {
      let values = latents.floats()
      let kept = stride(from: 0, to: values.count, by: isXL ? 3 : 1).map { values[$0] }
      return Tensor(kept, shape: [kept.count])
    }

    func expected(_ name: String) throws -> Tensor { try golden("\(name).latents") }
  }

  /// A ControlNet without a window or a guess mode.
  private struct PlainControl: DenoiseControl {
    let model: ControlNetModel
    let hint: Tensor
    let scale: Float

    func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws {
      conditions.controlResiduals = model(
        sample, timestep: step.timestep, conditions: conditions, hint: hint, scale: scale)
    }
  }

  @Test(
    .slow,
    arguments: [
      "square", "tall", "wide", "small", "patches", "control", "linear", "constant",
    ])
  func stableDiffusion(_ name: String) throws {
    let fixture = try Fixture("sd")
    expectClose(
      fixture.kept(try fixture.latents(name)), try fixture.expected(name), within: Self.tolerance,
      name)
  }

  @Test(.slow, arguments: ["wide", "tall", "square"])
  func stableDiffusionXL(_ name: String) throws {
    let fixture = try Fixture("sdxl")
    expectClose(
      fixture.kept(try fixture.latents(name)), try fixture.expected(name), within: Self.tolerance,
      name)
  }

  /// Every number counts: with any of them changed, the result is another one.
  @Test(.slow) func optionsAreNoticed() throws {
    let fixture = try Fixture("sd")
    let expected = try fixture.expected("wide")
    let changes: [(String, (inout ElasticOptions) -> Void)] = [
      ("guidance", { $0.guidance *= 1.1 }), ("resampling", { $0.resamplingSteps -= 1 }),
      ("new_p", { $0.newShare = 0.5 }), ("rrg_scale", { $0.reducedGuidance = 0 }),
      ("rrg_stop", { $0.reducedGuidanceStop = 0.6 }), ("cosine_scale", { $0.cosineScale = 6 }),
      ("schedule", { $0.pullSchedule = .linear }), ("schedule", { $0.pullSchedule = .constant }),
      ("patch", { $0.window = 16 }), ("seed", { $0.seed += 1 }),
    ]
    for (name, change) in changes {
      let found = try fixture.latents("wide") { options, _ in change(&options) }
      expectDiffers(fixture.kept(found), expected, by: 3, beyond: Self.tolerance, name)
    }
    let uncontrolled = try fixture.latents("control") { _, inputs in inputs.controls = [] }
    expectDiffers(
      fixture.kept(uncontrolled), try fixture.expected("control"), beyond: Self.tolerance,
      "control")
  }

  /// Stopped after any step and continued elsewhere, a run gives the bits of the uninterrupted one.
  @Test(.slow) func resumedRunsAreIdentical() throws {
    struct Stop: Error {}
    let fixture = try Fixture("sd")
    let whole = try fixture.latents("tall").floats()
    for stop in [1, 3] {
      var saved: [UInt8] = []
      #expect(throws: Stop.self) {
        try fixture.latents(
          "tall",
          progress: { progress in
            guard progress.state.completed == stop else { return }
            saved = progress.state.encoded
            throw Stop()
          })
      }
      let state = try ElasticState(encoded: saved)
      #expect(try fixture.latents("tall", resume: state).floats() == whole)
      #expect(throws: (any Error).self) { try ElasticState(encoded: saved.dropLast()) }
      #expect(throws: DenoiseError.self) { try fixture.latents("wide", resume: state) }
    }
  }

  /// Sizes for which the official reduction does not exist run too, and from a picture.
  @Test(.slow, arguments: [(832, 704), (704, 256), (960, 1104)])
  func ownReductionRuns(_ width: Int, _ height: Int) throws {
    let fixture = try Fixture("sd")
    let shape = [1, 4, height / 8, width / 8]
    let found = try fixture.latents("square") { options, inputs in
      (options.steps, options.resamplingSteps) = (2, 1)
      inputs.start = .noise(shape: shape)
    }
    #expect(found.shape == shape && !found.hasNonFinite)
    let continued = try fixture.latents("square") { options, inputs in
      (options.steps, options.resamplingSteps, options.strength) = (4, 1, 0.5)
      inputs.start = .latent(found)
    }
    #expect(continued.shape == shape && !continued.hasNonFinite)
  }

  @Test(.slow, arguments: [(512, 1_088), (1_984, 512), (1_600, 576)])
  func ownReductionRunsForSDXL(_ width: Int, _ height: Int) throws {
    let fixture = try Fixture("sdxl")
    let shape = [1, 4, height / 8, width / 8]
    let reduced = try fixture.options("wide").reducedSize(height: shape[2], width: shape[3])
    let axes = [
      ReducedAxis(source: shape[2], reduced: reduced.height),
      ReducedAxis(source: shape[3], reduced: reduced.width),
    ]
    let isOfficial = axes.allSatisfy(\.isOfficial)
    #expect(!isOfficial)
    let found = try Self.tinySDXLLatents(width: width, height: height)
    #expect(found.shape == shape && !found.hasNonFinite)
  }

  /// What the tiny SDXL model makes of zeros of any size in the last two of many steps.
  static func tinySDXLLatents(width: Int, height: Int) throws -> Tensor {
    try Fixture("sdxl").latents("wide") { options, inputs in
      (options.steps, options.strength, options.resamplingSteps) = (100, 0.02, 1)
      inputs.start = .latent(Tensor.zeros([1, 4, height / 8, width / 8]))
    }
  }

  @Test func wrongOptionsAreErrors() throws {
    let fixture = try Fixture("sd")
    let wrong: [(inout ElasticOptions) -> Void] = [
      { $0.newShare = 1.5 }, { $0.window = 0 }, { $0.window = 65 }, { $0.reducedGuidance = -1 },
      { $0.cosineScale = .nan }, { $0.resamplingSteps = -1 }, { $0.viewBatch = 0 },
      { $0.strength = 2 }, { $0.reducedGuidanceStop = -0.1 },
    ]
    for change in wrong {
      #expect(throws: DenoiseError.self) {
        try fixture.latents("small") { options, _ in change(&options) }
      }
    }
  }
}
