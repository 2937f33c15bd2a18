import ArgumentParser
import DiffusionModels
import Foundation
import ResgraphTraining
import ResgraphWeights
import TensorRuntime

/// Times one step of a training.
struct TrainCommand: ModelCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Times a training step of a ResAdapter for a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Pictures of a step.") var batch = 1
  @Option(help: "Rank of the convolutions' changes.") var rank = 16
  @Flag(help: "Runs the blocks again for their gradients.") var gradientCheckpointing = false

  var work: String {
    "train \(model.width)x\(model.height) batch \(batch) rank \(rank)"
      + (gradientCheckpointing ? " checkpointing" : "")
  }

  func load(_ checkpoint: CheckpointLayout) throws -> () throws -> Tensor {
    let config = try UNetConfig(json: checkpoint.config(.unet))
    var settings = TrainingOptions()
    (settings.rank, settings.gradientCheckpointing) = (rank, gradientCheckpointing)
    settings.minGroupnormUnfreezeResolution = 0
    let examples = MadeUpExamples(
      size: TrainingSize(width: model.width, height: model.height), count: batch,
      channels: config.inChannels, textWidth: config.crossAttentionWidth)
    let trainer = try Trainer(
      source: checkpoint.source(.unet), config: config, scheduler: SchedulerConfig(json: nil),
      examples: examples, options: settings,
      output: FileManager.default.temporaryDirectory.appending(path: "resgraph-bench-train").path)
    let batches = [Array(0..<batch)]
    return {
      let progress = try trainer.step(batches)
      return Tensor([Float(progress.loss)], shape: [1])
    }
  }
}

/// Latents and texts of random numbers.
private struct MadeUpExamples: TrainingExamples {
  let size: TrainingSize
  let count: Int
  let channels: Int
  let textWidth: Int

  var sizes: [TrainingSize] { Array(repeating: size, count: count) }

  func example(_ index: Int, isFlipped: Bool, hasCaption: Bool) throws -> TrainingExample {
    var generator = TorchGenerator(seed: UInt64(index))
    return TrainingExample(
      mean: generator.randn([1, channels, size.height / 8, size.width / 8]), deviation: nil,
      condition: PromptEncoding(embeddings: generator.randn([1, 77, textWidth])))
  }
}
