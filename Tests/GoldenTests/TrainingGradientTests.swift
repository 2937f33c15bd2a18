import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels
@testable import ResgraphTraining

/// Loss and gradients of a training step, on the fixtures of tools/goldens/gradients_make.py.
@Suite struct TrainingGradientTests {
  /// The scale of the low-rank changes in the script.
  private static let scale: Float = 0.5

  /// A model whose ResAdapter parameters are trained, with its case.
  private struct Step {
    let golden: GoldenFolder
    let model: UNet2DConditionModel
    let parameters: [String: Parameter]

    init(_ family: String) throws {
      golden = try GoldenFolder("gradients_\(family)")
      let base = try GoldenFolder("unet_\(family)")
      let weights = try base.weights()
      var trainable = TrainableLayers()
      var parameters: [String: Parameter] = [:]
      func add(_ name: String, _ value: Tensor) -> Parameter {
        let parameter = Parameter(name, value)
        parameters[name] = parameter
        return parameter
      }
      for key in golden.names where key.hasPrefix("gradient.") {
        let name = String(key.dropFirst("gradient.".count))
        if name.hasSuffix(".down") {
          let layer = String(name.dropLast(".down".count))
          trainable.adapters[layer] = LowRankAdapter(
            down: add("\(layer).down", try golden("value.\(layer).down")),
            up: add("\(layer).up", try golden("value.\(layer).up")),
            scale: TrainingGradientTests.scale)
        } else if name.hasSuffix(".weight") {
          let layer = String(name.dropLast(".weight".count))
          trainable.norms[layer] = (
            weight: add("\(layer).weight", Tensor(try weights.tensor("\(layer).weight"))),
            bias: add("\(layer).bias", Tensor(try weights.tensor("\(layer).bias")))
          )
        }
      }
      self.parameters = parameters
      model = try UNet2DConditionModel(
        WeightScope(weights, trainable: trainable), config: UNetConfig(json: base.config()))
    }

    func run(recomputing: Bool = false) throws -> (loss: Float, gradients: Gradients) {
      let isTold = golden.has("pooled")
      var conditions = UNetConditions(
        text: try golden("text"), pooled: isTold ? try golden("pooled") : nil,
        timeIDs: isTold ? try golden("time_ids") : nil)
      conditions.recomputesBlocks = recomputing
      let prediction = model(
        try golden("sample"), timesteps: try golden("timesteps").floats(), conditions: conditions)
      let error = prediction - (try golden("target"))
      let seed = error * (2 / Float(error.count))
      let loss = (error * error).mean()
      return (loss, Gradients(of: prediction, gradient: seed))
    }
  }

  @Test(arguments: ["sd1", "sdxl"]) func lossAndGradientsEqualTorchs(_ family: String) throws {
    let step = try Step(family)
    let (loss, gradients) = try step.run()
    let expected = try #require(try step.golden("loss").floats().first)
    #expect(abs(loss - expected) <= 1e-5 * expected)
    #expect(step.parameters.count > 60)
    for (name, parameter) in step.parameters {
      let gradient = try #require(gradients[parameter], "\(name) has no gradient")
      let reference = try step.golden("gradient.\(name)")
      expectClose(
        gradient, reference, within: Tolerance(maxError: 1e-4, nmse: 1e-8), "\(family), \(name)")
    }
  }

  /// Blocks that are run again give the same gradients; what is fused at first is not when it is run again.
  @Test(arguments: ["sd1", "sdxl"]) func recomputedBlocksGiveTheSameGradients(
    _ family: String
  ) throws {
    let step = try Step(family)
    let plain = try step.run()
    let again = try step.run(recomputing: true)
    #expect(abs(plain.loss - again.loss) <= 1e-6 * plain.loss)
    for (name, parameter) in step.parameters {
      expectClose(
        try #require(again.gradients[parameter]), try #require(plain.gradients[parameter]),
        within: Tolerance(maxError: 1e-5, nmse: 1e-10), "\(family), \(name)")
    }
  }

  @Test(arguments: ["sd1", "sdxl"]) func fiveStepsOfAdamWGiveTorchsWeights(
    _ family: String
  ) throws {
    let step = try Step(family)
    var options = AdamWOptions()
    (options.beta2, options.weightDecay) = (0.99, 0.1)
    var optimizer = AdamW(options)
    for _ in 0..<5 {
      let (_, gradients) = try step.run(recomputing: true)
      for (name, parameter) in step.parameters {
        let gradient = try #require(gradients[parameter], "\(name)")
        optimizer.update(parameter, gradient.floats(), rate: 1e-3)
      }
    }
    for (name, parameter) in step.parameters {
      expectClose(
        parameter.value, try step.golden("after.\(name)"),
        within: Tolerance(maxError: 1e-4, nmse: 1e-8), "\(family), \(name)")
    }
  }

  /// Without recording, a trained model gives the same prediction and keeps nothing.
  @Test func withoutGradientsNothingIsKept() throws {
    let step = try Step("sd1")
    let kept = try step.run()
    let plain = try withoutGradients { try step.run() }
    #expect(kept.loss == plain.loss)
    #expect(step.parameters.values.allSatisfy { plain.gradients[$0] == nil })
  }

  /// A parameter with another value gives other gradients, so the comparison looks at what it says.
  @Test func anotherValueIsNoticed() throws {
    let step = try Step("sd1")
    let name = try #require(step.parameters.keys.sorted().first { $0.hasSuffix(".up") })
    let parameter = try #require(step.parameters[name])
    parameter.value = parameter.value * 1.01
    let (_, gradients) = try step.run()
    let down = name.dropLast(".up".count) + ".down"
    let other = try #require(step.parameters[String(down)])
    expectDiffers(
      try #require(gradients[other]), try step.golden("gradient.\(down)"), by: 2,
      beyond: Tolerance(maxError: 1e-4, nmse: 1e-8), "\(down)")
  }
}
