import DiffusionModels
import Foundation
import GraphRuntime
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// Results of one engine that another finds on disk, as in another process.
@Suite struct DiskResultTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func engine() throws -> Engine { try Engine(cache: CacheOptions(folder: folder.path)) }

  private func request(_ sets: [String] = []) -> GraphRequest {
    let text = """
      version: 1
      params: {seed: {type: seed, default: 3}}
      nodes:
        base: {type: CheckpointLoad, path: tiny/model}
        text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: "a red house"}
        start: {type: EmptyLatent, width: 96, height: 64}
        noise: {type: Noise, latent: $start, seed: 4}
        denoise: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start, noise: $noise, steps: 2, seed: $params.seed}
        picture: {type: VAEDecode, vae: $base.vae, latent: $denoise}
        again: {type: VAEEncode, vae: $base.vae, image: $picture}
      outputs: {picture: $picture.image, latent: $again, words: $text, noise: $noise}
      """
    return GraphRequest(
      path: GraphRun.goldens.appending(path: "graph.yaml").path(), contents: Array(text.utf8),
      sets: sets)
  }

  @Test func anotherEngineLoadsNoModelAndGivesTheSameBits() throws {
    let first = try engine()
    let whole = try first.run(request())
    #expect(first.models.loadCount > 0)
    let second = try engine()
    let found = try second.run(request())
    #expect(second.models.loadCount == 0)
    for output in whole.outputs {
      #expect(output.arrays.count > 0)
      #expect(found[output.name]?.arrays == output.arrays)
    }
  }

  /// What is computed from values that were found has the bits of what is computed in one go.
  @Test func whatFollowsFromFoundValuesHasTheSameBits() throws {
    try engine().run(request())
    let mixed = try engine()
    let result = try mixed.run(request(["nodes.picture.tile=off"]))
    let whole = try Engine().run(request(["nodes.picture.tile=off"]))
    #expect(result["latent"]?.arrays == whole["latent"]?.arrays)
    #expect(mixed.models.loadCount == 1)
  }

  @Test func runsOfOneEngineShareResultsInMemory() throws {
    let engine = try Engine()
    try engine.run(request())
    let count = engine.models.loadCount
    try engine.run(request())
    #expect(engine.models.loadCount == count)
  }

  /// Every port type that is stored comes back with all its parts.
  @Test func storedTensorsAreWholeSafetensorsFiles() throws {
    let conditioning = try TinyModel().encode("a")
    let bytes = try conditioning.encoded()
    let (tensors, metadata) = try StoredTensors.decodeAll(bytes)
    #expect(tensors["prompt"]?.shape.count == 3)
    #expect(metadata["family"] == conditioning.family)
    #expect(try ConditioningValue(encoded: bytes).family == conditioning.family)
    #expect(throws: (any Error).self) { try ConditioningValue(encoded: Array(bytes.dropLast())) }
  }
}
