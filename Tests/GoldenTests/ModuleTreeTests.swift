import Foundation
import ResgraphFiles
import ResgraphWeights
import TestSupport
import Testing

@testable import DiffusionModels

/// The printed structure of the models: the cheapest picture of what was built.
@Suite struct ModuleTreeTests {
  @Test(arguments: ["unet_sdxl", "vae_sd"])
  func tree(name: String) throws {
    let golden = try GoldenFolder(name)
    let printed =
      name.hasPrefix("unet")
      ? try UNetFixture(String(name.dropFirst(5))).model.description
      : try AutoencoderKL(
        .init(golden.weights()), config: VAEConfig(json: golden.config())
      ).description
    let path = golden.path + "/tree.txt"
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] == "1" {
      try (printed + "\n").write(toFile: path, atomically: true, encoding: .utf8)
      Issue.record("recorded \(path); run again without RECORD_GOLDENS")
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == printed + "\n")
  }
}
