import ArgumentParser
import DiffusionModels
import TensorRuntime
import Weights

/// Times one denoising step's network.
struct UNetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unet", abstract: "Times the UNet of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Texts; with guidance, two.") var batch = 2
  @Flag(help: "One latent per text, instead of one latent shared by all as guidance has it.")
  var separateLatents = false

  func run() throws {
    try benchmark("unet \(model.width)x\(model.height) batch \(batch)", model, options) {
      let layout = try CheckpointLayout.open(path: model.checkpoint)
      let config = try UNetConfig(json: layout.config(.unet))
      let unet = try UNet2DConditionModel(WeightScope(layout.source(.unet)), config: config)
      let sample = try model.input(
        "sample",
        shape: [
          separateLatents ? batch : 1, config.inChannels, model.height / 8, model.width / 8,
        ], seed: 1)
      let text = try model.input(
        "text", shape: [batch, 77, config.crossAttentionWidth], seed: 2)
      let conditions = unet.prepared(UNetConditions(text: text))
      return { unet(sample, timestep: 500, conditions: conditions) }
    }
  }
}
