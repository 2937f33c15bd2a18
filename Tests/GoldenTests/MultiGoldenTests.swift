import ResgraphWeights
import Synchronization
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// MultiDiffusion against diffusers' panorama pipeline, on the fixture of tools/goldens/multi_make.py.
@Suite struct MultiGoldenTests {
  private static let tolerance = Tolerance(maxError: 1e-4, nmse: 1e-8)
  private let golden: GoldenFolder
  private let models: GoldenFolder
  private let cases: [String: JSONValue]

  init() throws {
    golden = try GoldenFolder("multi")
    models = try GoldenFolder("pipeline")
    cases = try golden.json("cases.json").objectValue ?? [:]
  }

  private func unet() throws -> UNet2DConditionModel {
    try UNet2DConditionModel(
      WeightScope(models.weights()), config: try UNetConfig(json: try models.config()))
  }

  private func prompts() throws -> (positive: PromptCondition, negative: PromptCondition) {
    let source = try SafetensorsFile(path: models.path + "/text.safetensors")
    let model = try CLIPTextModel(
      WeightScope(source), config: CLIPTextConfig(json: models.json("text_config.json")))
    let ids = try models("prompt.ids").floats().map { Int($0) }
    let states = try model(ids: [Array(ids.prefix(12)), Array(ids.suffix(12))]).lastHiddenState
    return (
      PromptCondition(embeddings: states.slice(axis: 0, 0..<1)),
      PromptCondition(embeddings: states.slice(axis: 0, 1..<2))
    )
  }

  private func latents(_ name: String, stride: Int? = nil, window: Int? = nil) throws -> Tensor {
    let entry = try #require(cases[name])
    let size = try #require(entry.ints("size"))
    let predictor = WindowedPredictor(
      try unet(), height: size[0], width: size[1],
      window: try window ?? #require(entry.int("window")),
      stride: try stride ?? #require(entry.int("stride")))
    var options = DenoiseOptions()
    (options.steps, options.guidance, options.seed) = (6, 5, 29)
    options.sampler.kind = try #require(SamplerKind(rawValue: entry.string("kind") ?? ""))
    let denoiser = try Denoiser(
      predictor: predictor, schedulerConfig: try SchedulerConfig(json: nil), options: options)
    let prompts = try prompts()
    return try denoiser.run(
      DenoiseInputs(
        start: .noise(shape: [1, 4] + size), positive: prompts.positive, negative: prompts.negative)
    )
  }

  @Test(
    .slow,
    arguments: [
      "paper", "ddim", "pndm", "euler", "heun", "dpmpp_2m", "unipc", "small",
    ])
  func equalsThePanoramaPipeline(_ name: String) throws {
    expectClose(try latents(name), try golden("\(name).latents"), within: Self.tolerance, name)
  }

  @Test func windowsAreNoticed() throws {
    let expected = try golden("ddim.latents")
    expectDiffers(try latents("ddim", stride: 8), expected, beyond: Self.tolerance, "stride")
    expectDiffers(try latents("ddim", window: 24), expected, beyond: Self.tolerance, "window")
  }

  /// A window as large as the latent is no window.
  @Test func oneWindowIsThePlainRun() throws {
    let predictor = WindowedPredictor(try unet(), height: 8, width: 8, window: 8, stride: 4)
    #expect(predictor.windowCount == 1)
    var generator = TorchGenerator(seed: 1)
    let sample = generator.randn([1, 4, 8, 8])
    let prompts = try prompts()
    let conditions = try UNetConditions(
      joining: [prompts.negative, prompts.positive], batch: 1)
    let plain = try unet()(sample, timestep: 500, conditions: conditions)
    #expect(
      try predictor(sample, timestep: 500, conditions: conditions).floats() == plain.floats())
  }

  /// Sizes that the stride does not divide are covered too: the last window ends at the border.
  @Test func everyPlaceIsCovered() throws {
    for (height, width, window, stride) in [(17, 23, 8, 5), (9, 64, 16, 16), (31, 8, 8, 3)] {
      let grid = ViewGrid(
        height: height, width: width, window: (window, window), stride: stride)
      var counts = Array(repeating: 0, count: height * width)
      for view in grid.views {
        for row in view.rows { for column in view.columns { counts[row * width + column] += 1 } }
      }
      #expect(counts.allSatisfy { $0 > 0 })
    }
  }

  /// Controls see the part of the picture that their window sees.
  @Test func controlsAreMadePerWindow() throws {
    struct Marker: DenoiseControl {
      let part: Tensor
      func apply(to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep) throws {
        guard part.shape.suffix(2) == [8 * sample.shape[2], 8 * sample.shape[3]] else {
          throw DenoiseError.badState("a part of \(part.shape) for \(sample.shape)")
        }
      }
    }
    let made = Counter()
    let picture = PictureControl(picture: Tensor.zeros([1, 3, 64, 128])) { part in
      made.add()
      return Marker(part: part)
    }
    let predictor = WindowedPredictor(
      try unet(), height: 8, width: 16, window: 8, stride: 4, controls: [picture])
    let prompts = try prompts()
    var conditions = try UNetConditions(joining: [prompts.positive], batch: 1)
    conditions.step = DenoiseStep(index: 0, count: 1, timestep: 500, nextTimestep: nil)
    for _ in 0..<2 {
      _ = try predictor(Tensor.zeros([1, 4, 8, 16]), timestep: 500, conditions: conditions)
    }
    #expect(made.value == 3)
  }
}

/// Counts calls from a Sendable closure.
private final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add() { count.withLock { $0 += 1 } }
}
