import ArgumentParser
import DiffusionModels
import TensorRuntime
import Weights

/// Times encoding prompts.
struct CLIPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clip", abstract: "Times the text encoder of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Prompts; with guidance, two.") var batch = 2

  func run() throws {
    try benchmark("text encoder batch \(batch)", model, options) {
      let layout = try CheckpointLayout.open(path: model.checkpoint)
      let config = try CLIPTextConfig(json: layout.config(.textEncoder))
      let encoder = try CLIPTextModel(WeightScope(layout.source(.textEncoder)), config: config)
      // Any ids cost the same; these are the words of no prompt in particular.
      let ids = (0..<batch).map { row in
        (0..<config.maximumLength).map { (row * 977 + $0 * 331) % config.vocabularySize }
      }
      return { try encoder(ids: ids).lastHiddenState }
    }
  }
}
