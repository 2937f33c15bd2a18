import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// ControlNet and T2I-Adapter against diffusers.
@Suite struct ControlNetTests {
  private struct Fixture {
    let golden: GoldenFolder
    let model: ControlNetModel

    init(_ name: String) throws {
      golden = try GoldenFolder("controlnet_\(name)")
      model = try ControlNetModel(
        WeightScope(golden.weights()), config: ControlNetConfig(json: golden.config()))
    }

    func conditions(_ name: String) throws -> UNetConditions {
      UNetConditions(
        text: try golden("\(name).text"),
        pooled: golden.has("\(name).pooled") ? try golden("\(name).pooled") : nil,
        timeIDs: golden.has("\(name).time_ids") ? try golden("\(name).time_ids") : nil)
    }

    func run(_ name: String, guess: Bool, image: Tensor? = nil) throws -> ControlResiduals {
      model(
        try golden("\(name).sample"), timestep: try golden("\(name).timestep").floats()[0],
        conditions: try conditions(name), hint: model.hint(try image ?? golden("\(name).image")),
        scale: try golden("\(name).scale").floats()[0], guess: guess)
    }

    func check(_ residuals: ControlResiduals, _ name: String) throws {
      let expected = try golden.list("\(name).down")
      #expect(residuals.down.count == expected.count && !expected.isEmpty)
      for (index, reference) in expected.enumerated() {
        expectClose(residuals.down[index], full(reference, residuals.down[index]), "\(index)")
      }
      expectClose(residuals.mid, full(try golden("\(name).mid"), residuals.mid), "mid")
    }

    /// The pooled model's references have one pixel, which diffusers repeats when it adds them.
    private func full(_ reference: Tensor, _ other: Tensor) -> Tensor {
      guard model.config.globalPool else { return reference }
      let (batch, channels) = (reference.shape[0], reference.shape[1])
      return Tensor.zeros(other.shape).adding(
        perSampleChannel: reference.reshaped([batch, channels]))
    }
  }

  @Test(arguments: ["sd1", "sdxl", "pooled"], ["square", "odd", "guess"])
  func residuals(model: String, size: String) throws {
    let fixture = try Fixture(model)
    try fixture.check(try fixture.run(size, guess: size == "guess"), size)
  }

  @Test func everyInputCounts() throws {
    let fixture = try Fixture("sdxl")
    let expected = try fixture.golden.list("odd.down")
    let image = try fixture.golden("odd.image")
    let other = try fixture.run("odd", guess: false, image: image * 0)
    for (residual, reference) in zip(other.down, expected) {
      expectDiffers(residual, reference, "without the picture")
    }
    let planes = [2, 1, 0].map { image.slice(axis: 1, $0..<($0 + 1)) }
    let swapped = try fixture.run("odd", guess: false, image: Tensor.concatenate(planes, axis: 1))
    expectDiffers(swapped.down[0], expected[0], "with red and blue swapped")
    let guessed = try fixture.run("odd", guess: true)
    expectDiffers(guessed.down[0], expected[0], "guessing")
  }

  @Test func preparedConditionsAndSharedLatentsChangeNothing() throws {
    let fixture = try Fixture("sd1")
    let sample = try fixture.golden("odd.sample").slice(axis: 0, 0..<1)
    let hint = fixture.model.hint(try fixture.golden("odd.image").slice(axis: 0, 0..<1))
    let conditions = try fixture.conditions("odd")
    let shared = fixture.model(
      sample, timestep: 5, conditions: fixture.model.prepared(conditions), hint: hint)
    let repeated = fixture.model(
      Tensor.concatenate([sample, sample], axis: 0), timestep: 5, conditions: conditions, hint: hint
    )
    for (one, two) in zip(shared.down + [shared.mid], repeated.down + [repeated.mid]) {
      let pair = one.shape[0] == 2 ? one : Tensor.concatenate([one, one], axis: 0)
      expectClose(pair, two, within: .op)
    }
    let sum = shared + repeated
    expectClose(sum.mid, repeated.mid * 2, within: .op)
  }

  @Test(arguments: ["full", "full_xl", "light"], ["square", "odd", "tall"])
  func adapterFeatures(name: String, size: String) throws {
    let golden = try GoldenFolder("t2i_\(name)")
    let adapter = try T2IAdapterModel(
      WeightScope(golden.weights()), config: T2IAdapterConfig(json: golden.config()))
    let features = adapter(try golden("\(size).image"))
    let expected = try golden.list("\(size).feature")
    #expect(features.count == expected.count && expected.count == 4)
    for (feature, reference) in zip(features, expected) { expectClose(feature, reference) }
  }

  private static let refused: [(String, JSONValue)] = [
    ("adapter_type", "x"), ("downscale_factor", 100), ("channels", []),
  ]

  @Test(arguments: refused)
  func refusedAdapterOption(option: String, value: JSONValue) throws {
    var members = try GoldenFolder("t2i_light").config().objectValue ?? [:]
    members[option] = value
    #expect(throws: ModelError.self) { try T2IAdapterConfig(json: .object(members)) }
  }

  @Test func refusedControlNetOption() throws {
    var members = try GoldenFolder("controlnet_sd1").config().objectValue ?? [:]
    members["controlnet_conditioning_channel_order"] = "gbr"
    let error = #expect(throws: ModelError.self) { try ControlNetConfig(json: .object(members)) }
    #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("ControlNetModel: "))
  }
}
