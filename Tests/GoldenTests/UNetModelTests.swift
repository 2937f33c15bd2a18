import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Whole UNets in five configurations against diffusers, at a square size and at sizes whose sides
/// are odd and no multiple of the up-sampling factor.
@Suite struct UNetModelTests {
  private static let cases = [
    ("sd1", ["square", "odd", "wide", "tall"]), ("sd2", ["square", "odd", "wide", "tall"]),
    ("sdxl", ["square", "odd", "wide", "tall"]), ("lcm", ["square", "odd"]),
    ("rare", ["square", "odd"]),
  ].flatMap { model in model.1.map { (model.0, $0) } }

  @Test(arguments: cases)
  func prediction(model name: String, size: String) throws {
    let fixture = try UNetFixture(name)
    expectClose(try fixture.predict(size), try fixture.expected(size))
  }

  @Test(arguments: ["control", "features"])
  func adaptersOnSD1(name: String) throws {
    let fixture = try UNetFixture("sd1")
    expectClose(try fixture.predict(name), try fixture.expected(name))
    let bare = try fixture.predict(name) {
      ($0.controlResiduals, $0.adapterFeatures) = (nil, [])
    }
    expectDiffers(bare, try fixture.expected(name), "without the adapter")
  }

  /// Times computed ahead for a whole run change no bit, and a step that the run does not have is
  /// computed as it comes.
  @Test(arguments: ["sd1", "sdxl", "lcm"])
  func timesAhead(model name: String) throws {
    let fixture = try UNetFixture(name)
    let sample = try fixture.golden("odd.sample")
    let plain = fixture.model.prepared(try fixture.conditions("odd"))
    var known = try fixture.conditions("odd")
    known.timesteps = [901, fixture.timestep("odd"), 901, 1]
    known = fixture.model.prepared(known)
    func predict(_ timestep: Float, _ conditions: UNetConditions) -> [Float] {
      let samples = sample.slice(axis: 0, 0..<min(sample.shape[0], conditions.text.shape[0]))
      return fixture.model(samples, timestep: timestep, conditions: conditions).floats()
    }
    for timestep in [901, fixture.timestep("odd"), 1, 500] {
      #expect(predict(timestep, known) == predict(timestep, plain), "at \(timestep)")
    }
    #expect(predict(901, known) != predict(1, known))
    let half = known.lastSamples(1)
    #expect(predict(901, half) == predict(901, plain.lastSamples(1)))
  }

  /// The last feature changes both the stored skip connection and, on SDXL, the middle block.
  @Test func everyAdapterFeatureCounts() throws {
    for name in ["sd1", "sdxl"] {
      let fixture = try UNetFixture(name)
      let expected = try fixture.expected("features")
      expectClose(try fixture.predict("features"), expected, "\(name)")
      for index in 0..<4 {
        let other = try fixture.predict("features") {
          $0.adapterFeatures[index] = $0.adapterFeatures[index] * 0
        }
        expectDiffers(other, expected, "\(name) without feature \(index)")
      }
    }
  }

  @Test func everyControlResidualCounts() throws {
    let fixture = try UNetFixture("sd1")
    let expected = try fixture.expected("control")
    let count = try fixture.golden.list("control.control").count
    #expect(count == 12)
    for index in 0..<count {
      let other = try fixture.predict("control") {
        guard var control = $0.controlResiduals else { return }
        control.down[index] = control.down[index] * 0
        $0.controlResiduals = control
      }
      expectDiffers(other, expected, "without residual \(index)")
    }
    let other = try fixture.predict("control") {
      guard var control = $0.controlResiduals else { return }
      control.mid = control.mid * 0
      $0.controlResiduals = control
    }
    expectDiffers(other, expected, "without the middle residual")
  }

  @Test func everyConditionCounts() throws {
    let fixture = try UNetFixture("sdxl")
    let expected = try fixture.expected("odd")
    let timestep = fixture.timestep("odd")
    expectDiffers(try fixture.predict("odd", timestep: 0), expected, "at another time step")
    expectDiffers(
      try fixture.predict("odd", timestep: timestep) { $0.text = $0.text * 0 }, expected,
      "without the text")
    expectDiffers(
      try fixture.predict("odd") { $0.pooled = $0.pooled.map { $0 * 0 } }, expected,
      "without the pooled text")
    expectDiffers(
      try fixture.predict("odd") { $0.timeIDs = $0.timeIDs.map { $0 + 64 } }, expected,
      "with other time ids")
    let guided = try UNetFixture("lcm")
    expectDiffers(
      try guided.predict("odd") { $0.timestepCond = nil }, try guided.expected("odd"),
      "without the guidance embedding")
  }

  @Test func normsAndSamplersCount() throws {
    let fixture = try UNetFixture("sd1")
    let expected = try fixture.expected("odd")
    for (key, other) in [
      ("down_blocks.1.resnets.0.norm1.weight", "down_blocks.1.resnets.0.norm1.bias"),
      ("mid_block.resnets.1.norm2.bias", "mid_block.resnets.0.norm2.bias"),
      ("up_blocks.2.upsamplers.0.conv.weight", "up_blocks.0.upsamplers.0.conv.weight"),
      ("up_blocks.3.attentions.2.transformer_blocks.0.norm3.bias", "conv_norm_out.bias"),
    ] {
      let swapped = try SwappedSource(fixture.golden.weights(), key, other)
      let model = try UNet2DConditionModel(WeightScope(swapped), config: fixture.model.config)
      let output = try fixture.predict("odd", with: model)
      expectDiffers(output, expected, by: 4, "\(key) taken from \(other)")
    }
  }
}

/// What is computed once instead of often changes nothing.
@Suite struct UNetSharingTests {
  @Test(arguments: ["sd1", "sdxl", "lcm"])
  func preparedConditionsChangeNothing(name: String) throws {
    let fixture = try UNetFixture(name)
    let conditions = fixture.model.prepared(try fixture.conditions("odd"))
    let sample = try fixture.golden("odd.sample")
    for timestep: Float in [999, 20] {
      let prepared = fixture.model(sample, timestep: timestep, conditions: conditions)
      let plain = fixture.model(
        sample, timestep: timestep, conditions: try fixture.conditions("odd"))
      expectIdentical(prepared, plain)
    }
  }

  @Test(arguments: ["sd1", "sd2", "sdxl", "lcm", "rare"])
  func sharedLatentsEqualRepeatedOnes(name: String) throws {
    let fixture = try UNetFixture(name)
    let sample = try fixture.golden("odd.sample").slice(axis: 0, 0..<1)
    var conditions = try fixture.conditions("odd")
    let other = Tensor.concatenate([conditions.text, conditions.text * -0.5], axis: 0)
    conditions.text = other.slice(axis: 0, 0..<2)
    conditions.pooled = conditions.pooled.map { Tensor.concatenate([$0, $0 * 2], axis: 0) }
    conditions.timeIDs = conditions.timeIDs.map { Tensor.concatenate([$0, $0 + 8], axis: 0) }
    conditions.timestepCond = conditions.timestepCond?.slice(axis: 0, 0..<1)
    (conditions.pooled, conditions.timeIDs) = (
      conditions.pooled?.slice(axis: 0, 0..<2), conditions.timeIDs?.slice(axis: 0, 0..<2)
    )
    let shared = fixture.model(sample, timestep: 500, conditions: conditions)
    let repeated = fixture.model(
      Tensor.concatenate([sample, sample], axis: 0), timestep: 500, conditions: conditions)
    #expect(shared.shape == repeated.shape && shared.shape[0] == 2)
    // The order of summation may depend on the number of rows, so the bits may not agree.
    expectClose(shared, repeated, within: .op)
    expectDiffers(
      shared.slice(axis: 0, 0..<1), shared.slice(axis: 0, 1..<2), "two texts, one result")
  }

  @Test func timestepsPerSample() throws {
    let fixture = try UNetFixture("sd1")
    let sample = try fixture.golden("odd.sample")
    let conditions = try fixture.conditions("odd")
    let both = fixture.model(sample, timesteps: [10, 900], conditions: conditions)
    for (index, timestep) in [Float(10), 900].enumerated() {
      let alone = fixture.model(sample, timestep: timestep, conditions: conditions)
      let rows = index..<(index + 1)
      expectClose(both.slice(axis: 0, rows), alone.slice(axis: 0, rows), within: .op)
    }
  }
}
