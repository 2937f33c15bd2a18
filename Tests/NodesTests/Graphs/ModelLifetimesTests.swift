import Foundation
import GraphRuntime
import Synchronization
import Testing

@testable import Resgraph

/// Models leave the memory with the last node of a run that computes with them.
@Suite struct ModelLifetimesTests {
  private static let graph = """
    version: 1
    name: lifetimes
    nodes:
      base: {type: CheckpointLoad, path: tiny/model}
      text: {type: TextEncode, text_encoder: $base.text_encoder, prompt: a}
      start: {type: EmptyLatent, width: 64, height: 64}
      first: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $start, steps: 1}
      second: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $first, steps: 1}
      picture: {type: VAEDecode, vae: $base.vae, latent: $second}
    outputs:
      picture: $picture.image
    """

  @Test func aModelGoesWithItsLastUser() throws {
    let engine = try Engine()
    let path = GraphRun.goldens.appending(path: "graph.yaml").path()
    let request = GraphRequest(path: path, contents: Array(Self.graph.utf8), targets: ["picture"])
    let plan = try Planner().plan(try engine.validator.validate(request))
    let lifetimes = ModelLifetimes(plan, store: engine.models)
    let bytes = Mutex<[String: (before: Int, after: Int)]>([:])
    let executor = Executor(onEvent: { event in
      guard case .nodeDone(let node, _, _, _) = event else { return }
      let before = engine.models.loadedBytes
      lifetimes.finish(node: node)
      bytes.withLock { $0[node] = (before, engine.models.loadedBytes) }
    })
    _ = try executor.run(plan)
    let found = bytes.withLock { $0 }
    for node in ["text", "second", "picture"] {
      let (before, after) = try #require(found[node])
      #expect(before > 0 && after == 0, "\(node): \(before), \(after)")
    }
    let shared = try #require(found["first"])
    #expect(shared.before > 0 && shared.after == shared.before)
  }
}
