import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// Conditions that a UNet cannot take are refused by name.
@Suite struct UNetConditionsTests {
  private func refusal(
    _ model: String, _ change: (inout UNetConditions) -> Void
  ) throws -> String {
    let fixture = try UNetFixture(model)
    var conditions = try fixture.conditions("odd")
    try fixture.model.check(conditions)
    change(&conditions)
    do { try fixture.model.check(conditions) } catch { return "\(error)" }
    return "accepted"
  }

  @Test func refusals() throws {
    let flat = Tensor.zeros([2, 7])
    #expect(
      try refusal("sd1") { $0.prompt.embeddings = .zeros([2, 7, 25]) }.contains("[B, L, 24]"))
    #expect(try refusal("sd1") { $0.prompt.embeddings = flat }.contains("text"))
    #expect(
      try refusal("sdxl") { $0.prompt.pooled = nil }.contains("pooled text: expected [B, 28]"))
    #expect(try refusal("sdxl") { $0.prompt.pooled = flat }.contains("found [2, 7]"))
    #expect(try refusal("sdxl") { $0.prompt.timeIDs = nil }.contains("time ids"))
    #expect(
      try refusal("sdxl") { $0.prompt.timeIDs = .zeros([2, 5]) }.contains("beside 5 time ids"))
    #expect(try refusal("lcm") { $0.timestepCond = nil }.contains("guidance embedding"))
    let prompt = ImagePrompt(projections: [], tokens: [], scales: [])
    #expect(try refusal("sd1") { $0.imagePrompts = [prompt] }.contains("weights for 16 layers"))
  }
}
