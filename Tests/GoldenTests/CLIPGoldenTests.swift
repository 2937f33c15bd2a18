import DiffusionModels
import ResgraphFiles
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

/// CLIP's text encoder against transformers, on the fixtures of tools/goldens/clip_make.py.
@Suite struct CLIPGoldenTests {
  private static let models = ["quick", "old", "projected"]

  private func ids(_ tensor: Tensor) -> [[Int]] {
    let length = tensor.shape[1]
    let values = tensor.floats().map { Int($0) }
    return (0..<tensor.shape[0]).map { Array(values[$0 * length..<($0 + 1) * length]) }
  }

  private func model(
    _ golden: GoldenFolder, change: (inout CLIPTextConfig) -> Void = { _ in }
  ) throws -> CLIPTextModel {
    var config = try CLIPTextConfig(json: try golden.config())
    change(&config)
    return try CLIPTextModel(WeightScope(try golden.weights()), config: config)
  }

  @Test(arguments: models, ["whole", "short"])
  func statesAndPooled(_ name: String, _ length: String) throws {
    let golden = try GoldenFolder("clip_\(name)")
    let model = try model(golden)
    let ids = ids(try golden("\(length).ids"))
    for skip in 0..<3 where skip < model.config.layers {
      let output = try model(ids: ids, clipSkip: skip)
      let label = "\(name) \(length) skip \(skip)"
      expectClose(output.lastHiddenState, try golden("\(length).skip\(skip)"), label)
      expectClose(output.penultimateState, try golden("\(length).penultimate\(skip)"), label)
      expectClose(output.pooled, try golden("\(length).pooled"), label)
    }
  }

  /// The activation, the end token's rule, skipped layers and the projection all show.
  @Test func omissionsAreNoticed() throws {
    let quick = try GoldenFolder("clip_quick")
    let tokens = ids(try quick("whole.ids"))
    let exactGELU = try model(quick) { $0.activation = .gelu }
    expectDiffers(
      try exactGELU(ids: tokens).lastHiddenState, try quick("whole.skip0"), by: 1, "activation")
    let largest = try model(quick) { $0.endTokenID = 2 }
    expectDiffers(try largest(ids: tokens).pooled, try quick("whole.pooled"), "end token")
    expectDiffers(
      try model(quick)(ids: tokens).lastHiddenState, try quick("whole.skip1"), "clip skip")
    let projected = try GoldenFolder("clip_projected")
    #expect(try model(projected).hasProjection)
    #expect(try !model(quick).hasProjection)
  }

  @Test func badInputIsRefused() throws {
    let golden = try GoldenFolder("clip_quick")
    let model = try model(golden)
    #expect(throws: CLIPTextError.tokenOutOfRange(id: 99, vocabularySize: 99)) {
      try model(ids: [[97, 99]])
    }
    #expect(throws: CLIPTextError.tokenOutOfRange(id: -1, vocabularySize: 99)) {
      try model(ids: [[-1]])
    }
    #expect(throws: CLIPTextError.badLength(lengths: [1, 2], maximum: 21)) {
      try model(ids: [[97, 1], [97]])
    }
    #expect(throws: CLIPTextError.badLength(lengths: [22], maximum: 21)) {
      try model(ids: [Array(repeating: 1, count: 22)])
    }
    #expect(throws: CLIPTextError.badLength(lengths: [], maximum: 21)) { try model(ids: []) }
    #expect(throws: CLIPTextError.clipSkipOutOfRange(4, layers: 4)) {
      try model(ids: [[1]], clipSkip: 4)
    }
    #expect(throws: CLIPTextError.clipSkipOutOfRange(-1, layers: 4)) {
      try model(ids: [[1]], clipSkip: -1)
    }
  }
}
