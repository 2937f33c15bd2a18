import ArgumentParser
import DiffusionModels
import ResgraphWeights
import TensorRuntime

/// Times encoding prompts.
struct CLIPCommand: ModelCommand {
  static let configuration = CommandConfiguration(
    commandName: "clip", abstract: "Times the text encoder of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Prompts; with guidance, two.") var batch = 2

  var work: String { "text encoder batch \(batch)" }

  func load(_ checkpoint: CheckpointLayout) throws -> () throws -> Tensor {
    let config = try CLIPTextConfig(json: checkpoint.config(.textEncoder))
    let encoder = try CLIPTextModel(WeightScope(checkpoint.source(.textEncoder)), config: config)
    // Any ids cost the same; these are the words of no prompt in particular.
    let ids = (0..<batch).map { row in
      (0..<config.maximumLength).map { (row * 977 + $0 * 331) % config.vocabularySize }
    }
    return { try encoder(ids: ids).lastHiddenState }
  }
}
