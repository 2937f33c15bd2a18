import Foundation
import GraphRuntime
import ResgraphFiles
import Testing

@testable import Resgraph

/// The library's door: graphs are run into a folder, or their values are handed back.
@Suite final class EngineTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "engine-\(UUID())")

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// A graph on the tiny model whose outputs are of every kind.
  private func request(steps: Int = 2, targets: [String] = []) -> GraphRequest {
    let text = """
      version: 1
      params: {steps: {type: int, default: \(steps)}}
      nodes:
        base: {type: CheckpointLoad, path: tiny/model}
        text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: "a red house"}
        start: {type: EmptyLatent, width: 96, height: 64}
        denoise: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start, steps: $params.steps}
        picture: {type: VAEDecode, vae: $base.vae, latent: $denoise}
      outputs: {picture: $picture.image, latent: $denoise, words: $text}
      """
    return GraphRequest(
      path: GraphRun.goldens.appending(path: "graph.yaml").path(), contents: Array(text.utf8),
      targets: targets)
  }

  @Test func aRunWithoutAFolderHandsBackValues() throws {
    let result = try Engine().run(request())
    #expect(result.outputs.map(\.name) == ["picture", "latent", "words"])
    #expect(result.outputs.allSatisfy { $0.paths.isEmpty })
    let picture = try #require(result["picture"]?.pictures.first)
    #expect(picture.width == 96 && picture.height == 64 && picture.channels == 3)
    #expect(picture.pixels.count == 96 * 64 * 3)
    let image = try #require(result["picture"]?.arrays["image"])
    #expect(image.shape == [1, 3, 64, 96])
    // Red, row 2, column 5: channels first in the array, side by side in the picture.
    let value = image.values[2 * 96 + 5]
    #expect(abs(value * 255 - Float(picture.pixels[(2 * 96 + 5) * 3])) <= 0.5)
    #expect(result["latent"]?.arrays["latent"]?.shape == [1, 4, 8, 12])
    #expect(result["words"]?.arrays["embeddings"]?.shape.count == 3)
    #expect(result["words"]?.pictures.isEmpty == true && result["nothing"]?.name == nil)
  }

  @Test func aRunIntoAFolderWritesFilesAndHoldsNoValues() throws {
    let result = try Engine().run(request(), into: folder.path())
    let names = result.outputs.flatMap(\.paths).map { URL(filePath: $0).lastPathComponent }
    #expect(names == ["picture.png", "latent.safetensors", "words.safetensors"])
    #expect(result["picture"]?.pictures.isEmpty == true)
    let again = try Engine().run(GraphRequest(path: result.outputs[0].paths[0]))
    let first = try Engine().run(request())
    #expect(again["picture"]?.pictures == first["picture"]?.pictures)
  }

  @Test func aTargetIsWrittenUnderItsPortsName() throws {
    let result = try Engine().run(request(targets: ["start"]), into: folder.path())
    #expect(result.outputs.map(\.name) == ["start.latent"])
    #expect(result["start.latent"]?.paths.first?.hasSuffix("start.latent.safetensors") == true)
  }

  @Test func everyWritableTypeHasAnEnding() throws {
    let known = Set(try NodeCatalog.standard().schemas.flatMap { $0.outputs.map(\.type) })
    let writable = Set(WritableTypes.endings.keys)
    #expect(known.subtracting(writable) == ["UNet", "TextEncoder", "VAE", "Control"])
    #expect(Set(WritableTypes.endings.values) == ["png", "safetensors", "txt"])
  }

  @Test func eventsAreASequence() async throws {
    let run = try Engine().start(request())
    var names: [String] = []
    for await event in run { names.append(event.name) }
    #expect(names.first == "run.start" && names.last == "run.end")
    #expect(names.contains("node.step") && names.contains("node.done"))
    #expect(try await run.result["picture"]?.pictures.count == 1)
  }

  @Test func errorsComeFromTheResult() async throws {
    let run = try Engine().start(GraphRequest(path: "nowhere.yaml"))
    for await _ in run {}
    await #expect(throws: FileError.self) { try await run.result }
  }

  /// The task is cancelled at the first step, or before: the run does not go on to its last.
  @Test(arguments: [true, false]) func cancellingATaskStopsTheRun(readsEvents: Bool) async throws {
    let run = try Engine().start(request(steps: 900))
    let reader = Task {
      if !readsEvents { withUnsafeCurrentTask { $0?.cancel() } }
      for await event in run {
        if case .nodeStep = event { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return try await run.result
    }
    await #expect(throws: CancellationError.self) { try await reader.value }
  }
}
