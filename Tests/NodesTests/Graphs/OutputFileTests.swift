import Foundation
import GraphRuntime
import ResgraphFiles
import TestSupport
import Testing

@testable import Resgraph

/// The files of a run are known before it starts.
@Suite struct OutputFileTests {
  private func graph(_ outputs: String) throws -> ValidatedGraph {
    let text = """
      version: 1
      nodes:
        base: {type: CheckpointLoad, path: tiny/model}
        two: {type: EmptyLatent, width: 64, height: 64, batch: 2}
        one: {type: EmptyLatent, width: 64, height: 64}
        pair: {type: VAEDecode, vae: $base.vae, latent: $two}
        single: {type: VAEDecode, vae: $base.vae, latent: $one}
      outputs: {\(outputs)}
      """
    return try Engine().validate(
      GraphRequest(
        path: GraphRun.goldens.appending(path: "graph.yaml").path(), contents: Array(text.utf8)))
  }

  @Test func aBatchHasAFileForEachPicture() throws {
    let plan = try Engine().plan(graph("pic: $pair, other: $single"))
    #expect(plan.files(in: "out") == ["out/pic-0.png", "out/pic-1.png", "out/other.png"])
  }

  @Test func aPictureOfABatchIsNotReplaced() throws {
    do {
      _ = try graph("pic: $pair, pic-1: $single")
      Issue.record("accepted")
    } catch let found as Diagnostics {
      #expect(found.errors.map(\.code) == [.duplicateKey])
      #expect(found.errors[0].got?.contains("pic-1.png") == true)
      #expect(found.errors[0].hint?.contains("line 8") == true)
    }
    _ = try graph("pic: $pair, pic-2: $single")
  }
}
