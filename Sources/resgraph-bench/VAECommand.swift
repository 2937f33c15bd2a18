import ArgumentParser
import DiffusionModels
import TensorRuntime
import Weights

/// Times decoding a latent to a picture.
struct VAECommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae", abstract: "Times the VAE decoder of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Pictures.") var batch = 1

  func run() throws {
    try benchmark("vae decode \(model.width)x\(model.height) batch \(batch)", model, options) {
      let layout = try CheckpointLayout.open(path: model.checkpoint)
      let config = try VAEConfig(json: layout.config(.vae))
      let vae = try AutoencoderKL(WeightScope(layout.source(.vae)), config: config)
      let latent = try model.input(
        "latent",
        shape: [
          batch, config.latentChannels, model.height / config.downscale,
          model.width / config.downscale,
        ], seed: 1)
      return { vae.decode(latent) }
    }
  }
}
