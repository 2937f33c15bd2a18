import GraphRuntime
import TensorRuntime
import Testing

@testable import Resgraph

/// Taking a part out of a graph gives the bits that were there before it, in one process with the models, packed
/// weights and files of all.
@Suite struct RemovalTests {
  @Test(arguments: [PairFamily.sd15, .sdxl])
  func everyPartLeavesNothingBehind(_ family: PairFamily) throws {
    let engine = try Engine()
    func latents(_ parts: Set<Part>) throws -> [Float] {
      let latent = try GraphRun.latent(family.graph(parts), engine: engine)
      return try #require(latent).tensor.floats()
    }
    let base = try latents([])
    for part in Part.allCases {
      let with = try latents([part])
      #expect(with != base, "\(part) is idle")
      #expect(try latents([]) == base, "after \(part)")
      // The part itself is not changed by having been away.
      #expect(try latents([part]) == with, "\(part) again")
    }
    // All that can be together at once, and nothing of it afterwards.
    let all = Set(Part.allCases)
    let together = try latents(all)
    #expect(together != base)
    #expect(try latents([]) == base)
    #expect(try latents(all) == together)
    #expect(engine.models.loadCount > 0 && engine.models.loadedBytes > 0)
  }
}
